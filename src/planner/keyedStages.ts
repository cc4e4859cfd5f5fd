import { fitsBlocks } from "../exchange/codec.js";
import type { Bound, BoundSortKey } from "../expr/nodes.js";
import { remapColumns } from "../expr/walk.js";
import { topological } from "../optimize/rewrite.js";
import type { WantedRows } from "../optimize/firstRows.js";
import { reversed } from "../optimize/rowOrder.js";
import type { BoundNode, WindowCall } from "../plan/bound.js";
import { isFloat, isInteger, type Schema, types } from "../schema/types.js";
import type { BesideHow, FirstOfKey, Step } from "../task/protocol.js";
import type { Pipe, StageDraft } from "./draft.js";
import { bucketsFor, sourceBytes } from "./groupStages.js";

type Node<K extends BoundNode["kind"]> = Extract<BoundNode, { readonly kind: K }>;

/** Whether workers can compute a window: it has keys that part the rows, no column is nested, and every function is one of theirs. */
export const windowsInWorkers = (node: Node<"window">): boolean =>
  node.partition.length > 0 && fitsBlocks(node.schema) && node.calls.every(isOfWorkers);

function isOfWorkers({ fn, args }: WindowCall): boolean {
  const argument = args[0]?.type;
  switch (fn) {
    case "rowNumber":
    case "rank":
    case "denseRank":
    case "lag":
    case "lead":
    case "count":
      return true;
    case "sum":
    case "avg":
      return argument !== undefined && (isFloat(argument) || isInteger(argument));
    case "min":
    case "max":
      return argument !== undefined && argument.kind !== "null";
    default:
      return false;
  }
}

/** Whether workers can tell which rows stay: no column is nested. */
export const distinctInWorkers = (node: Node<"distinct">): boolean => node.columns.length > 0 && fitsBlocks(node.schema);

/**
 * Partitions write their rows in buckets of the keys' hash; then each run of buckets is grouped and sorted, and what the functions give is written for
 * each row; then the rows are put back in their order, with that beside them.
 */
export function windowInWorkers(
  draft: StageDraft,
  input: Pipe,
  node: Node<"window">,
  reason: string,
  partitionBytes: number,
  wanted: WantedRows | null,
): Pipe {
  const { partition, order, frame, calls } = node;
  const used = new UsedColumns(node.input.schema);
  const keys = used.columns(partition);
  const step = {
    op: "window",
    input: -1,
    name: "window functions",
    partition: keys,
    order: used.keys(order),
    frame,
    calls: calls.map((call) => ({ ...call, args: call.args.map((arg) => used.expr(arg)) })),
    schema: node.schema.slice(node.input.schema.length),
    file: "",
  } satisfies Step;
  const first = wanted === null ? null : firstOfWindow(node, wanted);
  const how = { kind: "columns" } as const;
  return throughBuckets(draft, input, { node, keys: partition, reason, partitionBytes, used, step, how, first });
}

/** Rows that a filter over a window does without: as far as the first key of their order tells, enough others come before. */
function firstOfWindow({ order, frame, calls }: Node<"window">, { count, by }: WantedRows): FirstOfKey | null {
  const ranked = ["rowNumber", "rank", "denseRank", "lag"];
  const looksAtTies = frame === null && calls.some(({ fn }) => !ranked.includes(fn));
  const inPlace = by === "rowNumber" && order.length <= 1 && !looksAtTies;
  return firstBy(order, { count, inPlace, others: "filtered" });
}

/** The row of equal ones that stays, and those of which the first key of the order does not tell whether they come after it. */
function firstOfEqual({ keep }: Node<"distinct">): FirstOfKey | null {
  const [order, which] = [keep?.order ?? [], keep?.which ?? "first"];
  const inPlace = which === "first" && order.length <= 1;
  if (which === "last" && order.length === 0) return null;
  return firstBy(which === "first" ? order : order.map(reversed), { count: 1, inPlace, others: "repeated" });
}

/** null where the order begins with more than a column. */
function firstBy([key]: readonly BoundSortKey[], first: Omit<FirstOfKey, "order">): FirstOfKey | null {
  if (key === undefined) return { ...first, order: null };
  const { expr, descending, nulls } = key;
  return expr.kind === "column" ? { ...first, order: { column: expr.index, descending, nulls } } : null;
}

/** As `windowInWorkers`: of the rows with equal columns one is marked, and the others are left out when rows are put back. */
export function distinctInBuckets(
  draft: StageDraft,
  input: Pipe,
  node: Node<"distinct">,
  reason: string,
  partitionBytes: number,
): Pipe {
  const { columns, keep } = node;
  const used = new UsedColumns(node.input.schema);
  const step = {
    op: "keepOne",
    input: -1,
    name: "choose rows",
    columns: used.columns(columns),
    order: used.keys(keep?.order ?? []),
    which: keep?.which ?? "first",
    schema: [{ name: "__keep", type: types.bool, nullable: false }],
    file: "",
  } satisfies Step;
  const how = { kind: "keep" } as const;
  return throughBuckets(draft, input, {
    node,
    keys: columns,
    reason,
    partitionBytes,
    used,
    step,
    how,
    first: firstOfEqual(node),
  });
}

interface ThroughBuckets {
  readonly node: Node<"window" | "distinct">;
  /** Columns of the node's input that part the rows. */
  readonly keys: readonly number[];
  readonly reason: string;
  readonly partitionBytes: number;
  readonly used: UsedColumns;
  readonly step: Extract<Step, { op: "window" | "keepOne" }>;
  readonly how: BesideHow;
  /** The rows of each key that matter; null for all. */
  readonly first: FirstOfKey | null;
}

function throughBuckets(draft: StageDraft, input: Pipe, through: ThroughBuckets): Pipe {
  const { node, keys, reason, used, step, how } = through;
  const { schema } = node.input;
  const buckets = bucketsFor(sourceBytes(scansBelow(node)), through.partitionBytes);
  const rows = draft.newExchange(schema);
  const name = "rows by key";
  const first = through.first === null ? {} : { first: through.first };
  const parted = { op: "keyExchange", input: input.step, name, keys, buckets, places: true, ...first, schema, file: "" } as const;
  draft.addStep(input.stage, parted, rows.id);
  const work = draft.newStage(node.kind, reason, { kind: "exchange", exchange: rows.id, schema: used.schema, layout: "keyed" });
  const results = draft.newExchange(step.schema);
  draft.addStep(work.stage, step, results.id);
  return draft.newStage("rows in order", "rows go back to their places", {
    kind: "exchange",
    exchange: rows.id,
    schema: node.schema,
    layout: "placed",
    beside: { exchange: results.id, how },
  });
}

const scansBelow = (node: BoundNode) => topological([node]).flatMap((one) => (one.kind === "scan" ? [one.source] : []));

/** The columns of a schema that something needs, in the order in which it asked for them. */
export class UsedColumns {
  readonly #schema: Schema;
  readonly #indexes: number[] = [];

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  get schema(): Schema {
    return this.#indexes.flatMap((index) => this.#schema[index] ?? []);
  }

  columns(indexes: readonly number[]): number[] {
    return indexes.map((index) => this.#place(index));
  }

  expr(bound: Bound): Bound {
    return remapColumns(bound, (index) => this.#place(index));
  }

  keys(keys: readonly BoundSortKey[]): BoundSortKey[] {
    return keys.map((key) => ({ ...key, expr: this.expr(key.expr) }));
  }

  #place(index: number): number {
    const known = this.#indexes.indexOf(index);
    return known >= 0 ? known : this.#indexes.push(index) - 1;
  }
}
