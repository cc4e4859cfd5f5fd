import { required } from "../common/assert.js";
import type { BoundNode } from "../plan/bound.js";
import { type OrderTerm, orderSql, position } from "./order.js";
import type { QueryStep, SqlTemplate } from "./query.js";

/** A relation in the making: something that can stand in FROM, its columns in the order of the node's schema, its row order. */
export interface Rel {
  readonly from: string;
  readonly columns: readonly string[];
  /** Empty where nobody asked for it, and for a single row. */
  readonly order: readonly OrderTerm[];
}

interface Cte {
  readonly sql: SqlTemplate;
  readonly uses: readonly string[];
  /** How DuckDB is told to compute it: by its own choice, once, or for every use. */
  readonly how: "" | "MATERIALIZED " | "NOT MATERIALIZED ";
}

export interface QueryContext {
  /** Files of an earlier stage, in order. */
  stageFiles(stage: number): readonly string[];
  /** Whether quick ways are tried that may fail the query with a refusal (refusal.ts): sums of doubles without a pre-pass. Default false. */
  readonly quick?: boolean;
}

/** Collects common table expressions s0, s1, … and the steps that run before the query. */
export class QueryBuilder {
  readonly steps: QueryStep[] = [];
  /** Whether something stands in the query that may refuse. */
  mayRefuse = false;
  /** For spellings that may refuse; null where none is allowed. */
  readonly onQuick: (() => void) | null;
  private readonly ctes = new Map<string, Cte>();
  private hiddenCount = 0;
  private tableCount = 0;
  private sumCount = 0;

  constructor(
    readonly context: QueryContext,
    private readonly ordered: ReadonlySet<BoundNode>,
    private readonly prefix: string,
    /** Gives a node's relation, computed once. */
    readonly relation: (node: BoundNode) => Rel,
  ) {
    const onQuick = () => {
      this.mayRefuse = true;
    };
    this.onQuick = context.quick === true ? onQuick : null;
  }

  wantsOrder(node: BoundNode): boolean {
    return this.ordered.has(node);
  }

  /** A name for a hidden order column, used once in the whole query. */
  hidden(): string {
    return `"__o${this.hiddenCount++}"`;
  }

  sumId(): number {
    return this.sumCount++;
  }

  define(sql: SqlTemplate, uses: readonly Rel[], how: Cte["how"] = ""): string {
    const name = `${this.prefix}${this.ctes.size}`;
    this.ctes.set(name, { sql, uses: uses.map((rel) => rel.from), how });
    return name;
  }

  /** Has DuckDB compute a relation once although several read it, or again for each of them. */
  share(rel: Rel, how: Cte["how"]): void {
    const cte = this.ctes.get(rel.from);
    if (cte !== undefined) this.ctes.set(rel.from, { ...cte, how });
  }

  /** The query `sql` with the definitions that it needs before it. */
  withDefinitions(sql: SqlTemplate, uses: readonly Rel[]): SqlTemplate {
    const needed = new Set<string>();
    const visit = (name: string): void => {
      if (needed.has(name) || !this.ctes.has(name)) return;
      needed.add(name);
      for (const used of required(this.ctes.get(name), "definition").uses) visit(used);
    };
    for (const rel of uses) visit(rel.from);
    const texts = [...this.ctes].flatMap(([name, cte]) =>
      needed.has(name) ? [`${name} AS ${cte.how}(\n${indent(cte.sql)}\n)`] : [],
    );
    return texts.length === 0 ? sql : `WITH ${texts.join(",\n")}\n${sql}`;
  }

  /** Keeps the rows of a relation in a temporary table, for reading them twice. */
  materialise(rel: Rel): Rel {
    const table = `millrace_rows_${this.tableCount++}`;
    this.steps.push({ kind: "materialise", table, sql: this.withDefinitions(`SELECT * FROM ${rel.from}`, [rel]) });
    return { ...rel, from: table };
  }

  /** The relation with its order as one position column. */
  withPosition(rel: Rel): { readonly rel: Rel; readonly column: string } {
    const [first] = rel.order;
    if (rel.order.length === 1 && first?.position) return { rel, column: first.column };
    const column = this.hidden();
    const over = rel.order.length === 0 ? "" : `ORDER BY ${orderSql(rel.order)}`;
    const from = this.define(`SELECT *, row_number() OVER (${over}) AS ${column}\nFROM ${rel.from}`, [rel]);
    return { rel: { from, columns: rel.columns, order: [position(column)] }, column };
  }
}

const indent = (sql: string): string => `  ${sql.replaceAll("\n", "\n  ")}`;

export interface Selected {
  readonly sql: string;
  readonly name: string;
}

export const selectList = (columns: readonly Selected[]): string =>
  columns.map(({ sql, name }) => (sql === name ? sql : `${sql} AS ${name}`)).join(",\n       ");

/**
 * Carries order columns through a SELECT: those among its columns already are used under their new name, the others are added.
 * `sqlOf` spells an order column inside the SELECT.
 */
export function carryOrder(
  builder: QueryBuilder,
  columns: readonly Selected[],
  terms: readonly OrderTerm[],
  sqlOf: (column: string) => string = (column) => column,
): { readonly list: readonly Selected[]; readonly order: readonly OrderTerm[] } {
  const list = [...columns];
  const order = terms.map((term): OrderTerm => {
    const sql = sqlOf(term.column);
    const visible = list.find((column) => column.sql === sql);
    if (visible !== undefined) return { ...term, column: visible.name };
    const name = builder.hidden();
    list.push({ sql, name });
    return { ...term, column: name };
  });
  return { list, order };
}
