import { required } from "../common/assert.js";
import type { DuckDbSession } from "./session.js";
import { chooseScale, type FloatScale, floatSumSql, rangeSql, readRange } from "./floatSum.js";

/**
 * SQL text in which sums of doubles are still open: they stand as numbers between zero characters, which no SQL of ours holds otherwise
 * (`quoteText` spells them `chr(0)`), until a pre-pass has found their scales.
 */
export type SqlTemplate = string;

/** Work before the query itself, in this order. */
export type QueryStep =
  /** Keeps rows that are needed twice. */
  | { readonly kind: "materialise"; readonly table: string; readonly sql: SqlTemplate }
  /** Finds the ranges of float sums: four columns each, in this order. */
  | { readonly kind: "ranges"; readonly sums: readonly FloatSum[]; readonly sql: SqlTemplate };

export interface FloatSum {
  readonly id: number;
  /** A SQL expression of type DOUBLE. */
  readonly argument: string;
  /** The window that it is a sum over; left out: a sum over a group. */
  readonly over?: string;
}

export interface SqlQuery {
  readonly steps: readonly QueryStep[];
  readonly sql: SqlTemplate;
  /** Whether a user's own SQL stands in it. */
  readonly author: "engine" | "user";
  /** Whether it may fail with a refusal: the same node is then asked for without quick ways. */
  readonly mayRefuse: boolean;
}

/** The scales found so far, by the sum's id. */
export type Scales = ReadonlyMap<number, { readonly sum: FloatSum; readonly scale: FloatScale }>;

export const floatSumToken = (id: number): SqlTemplate => `\0${id}\0`;

/** The text with every float sum filled in. Every scale must be known. */
export function renderSql(template: SqlTemplate, scales: Scales): string {
  const parts = template.split("\0");
  return parts
    .map((part, i) => {
      if (i % 2 === 0) return part;
      const { sum, scale } = required(scales.get(Number(part)), `scale of float sum ${part}`);
      return floatSumSql(renderSql(sum.argument, scales), scale, sum.over);
    })
    .join("");
}

/** The query as `explain` shows it: float sums by their meaning. */
export function readableSql(query: SqlQuery): string {
  const sums = new Map(
    query.steps.flatMap((step) => (step.kind === "ranges" ? step.sums.map((sum) => [sum.id, sum] as const) : [])),
  );
  const shown = (template: SqlTemplate): string =>
    template
      .split("\0")
      .map((part, i) => (i % 2 === 0 ? part : `exact_sum(${shown(required(sums.get(Number(part)), "float sum").argument)})`))
      .join("");
  const tables = query.steps.flatMap((step) =>
    step.kind === "materialise" ? [`CREATE TEMP TABLE ${step.table} AS\n${shown(step.sql)};\n`] : [],
  );
  return [...tables, shown(query.sql)].join("");
}

/** Runs the steps of a query and gives the final text. `dropTables` removes what they kept. */
export async function prepareQuery(session: DuckDbSession, query: SqlQuery): Promise<string> {
  const scales = new Map<number, { sum: FloatSum; scale: FloatScale }>();
  if (query.sql.includes("millrace_") || query.steps.length > 0) await session.defineFloatSums();
  for (const step of query.steps) {
    const sql = renderSql(step.sql, scales);
    if (step.kind === "materialise") {
      await session.run(`CREATE OR REPLACE TEMP TABLE ${step.table} AS\n${sql}`, query.author);
      continue;
    }
    const row = required((await session.rows(sql, query.author))[0], "row of a pre-pass");
    const values = Object.values(row);
    step.sums.forEach((sum, i) => {
      scales.set(sum.id, { sum, scale: chooseScale(readRange(values.slice(i * 4, i * 4 + 4))) });
    });
  }
  return renderSql(query.sql, scales);
}

export async function dropTables(session: DuckDbSession, query: SqlQuery): Promise<void> {
  for (const step of query.steps) {
    if (step.kind === "materialise") await session.run(`DROP TABLE IF EXISTS ${step.table}`);
  }
}

/** The pre-pass over `from` for some float sums. */
export function rangesSql(sums: readonly FloatSum[], from: string): SqlTemplate {
  const columns = sums.flatMap((sum) => rangeSql(sum.argument).map((sql, i) => `${sql} AS r${sum.id}_${i}`));
  return `SELECT ${columns.join(",\n       ")}\nFROM ${from}`;
}
