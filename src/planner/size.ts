import { assertNever } from "../common/assert.js";
import type { Bound } from "../expr/nodes.js";
import { visitBound } from "../expr/walk.js";
import type { BoundNode, ResolvedSource } from "../plan/bound.js";
import { type DataType, type Schema, types } from "../schema/types.js";

/** About how much a node gives at most: never more rows, and bytes per row of each column as workers would hold it. */
export interface SizeBound {
  readonly rows: number;
  readonly widths: readonly number[];
}

/** What a text costs beside its bytes: where it begins and where it ends. */
const textPlace = 8;
/** Bytes assumed for a text of which nothing is known. */
const unknownText = 16;
/** Parquet files are compressed: a text column may hold this many times its share of the file. */
const parquetExpansion = 3;
/** Characters that a field of a text file takes on average, its separator among them: a low estimate, so that rows are not too few. */
const textField = 4;
/** Gzip makes tables of text about this much smaller at best. */
const gzipExpansion = 10;
/** Of a row in a hash table over the rows: its slots and its place in a chain. */
const rowOverhead = 24;

/** Bytes that a join's hash table over this many rows takes. */
export const boundBytes = ({ rows, widths }: SizeBound): number =>
  rows * (rowOverhead + widths.reduce((sum, width) => sum + width, 0));

/**
 * An estimate that bounds what a node gives, from what is known before anything is read: rows of Parquet and Arrow, bytes of text. null
 * where nothing bounds it (a `flatMap`, a join, a user's SQL, rows that a program hands over one by one).
 */
export function sizeBound(node: BoundNode, known: Map<BoundNode, SizeBound | null> = new Map()): SizeBound | null {
  const before = known.get(node);
  if (before !== undefined) return before;
  const made = makeBound(node, (input) => sizeBound(input, known));
  known.set(node, made);
  return made;
}

function makeBound(node: BoundNode, of: (input: BoundNode) => SizeBound | null): SizeBound | null {
  switch (node.kind) {
    case "scan":
      return scanBound(node.source, node.schema);
    case "filter":
    case "sort":
    case "distinct":
    case "expect":
    case "sample":
    case "stored":
      return of(node.input);
    case "window": {
      const input = of(node.input);
      const added = node.calls.map((call) => widthOf(call.type, unknownText));
      return input === null ? null : { rows: input.rows, widths: [...input.widths, ...added] };
    }
    case "limit": {
      const input = of(node.input);
      return input === null ? null : { ...input, rows: Math.min(input.rows, node.count) };
    }
    case "number": {
      const input = of(node.input);
      return input === null ? null : { rows: input.rows, widths: [...input.widths, widthOf(types.int64, 0)] };
    }
    case "project":
      return computed(
        of(node.input),
        node.columns.map(({ expr }) => expr),
      );
    case "map": {
      const input = of(node.input);
      return input === null ? null : { rows: input.rows, widths: node.schema.map(({ type }) => widthOf(type, unknownText)) };
    }
    case "aggregate":
      return aggregateBound(node, of(node.input));
    case "union": {
      const inputs = node.inputs.map(of);
      return inputs.reduce((a, b) => (a === null || b === null ? null : unionBound(a, b)));
    }
    case "join":
      if (node.groups === true) return groupsBound(node, of(node.left), of(node.right));
      return node.how === "semi" || node.how === "anti" ? of(node.left) : null;
    case "flatMap":
    case "mapBatches":
    case "sql":
    case "stageInput":
    case "mergeAggregate":
    case "sink":
      return null;
    default:
      return assertNever(node, "plan node");
  }
}

type JoinNode = Extract<BoundNode, { kind: "join" }>;

/** Groups of which each side has every one. */
function groupsBound({ output }: JoinNode, left: SizeBound | null, right: SizeBound | null): SizeBound | null {
  if (left === null || right === null) return null;
  const widths = output.map((one) =>
    one.side === "left" ? left.widths[one.index] : one.side === "right" ? right.widths[one.index] : 0,
  );
  return { rows: left.rows, widths: widths.map((width) => width ?? 0) };
}

function unionBound(a: SizeBound, b: SizeBound): SizeBound {
  return { rows: a.rows + b.rows, widths: a.widths.map((width, i) => Math.max(width, b.widths[i] ?? 0)) };
}

/** Without keys there is one group. Lists of values are as large as the input. */
function aggregateBound(node: Extract<BoundNode, { kind: "aggregate" }>, input: SizeBound | null): SizeBound | null {
  if (node.keys.length === 0 && node.schema.every(({ type }) => type.kind !== "list")) {
    return { rows: 1, widths: node.schema.map(({ type }) => widthOf(type, unknownText)) };
  }
  const keys = computed(
    input,
    node.keys.map((key) => key.expr),
  );
  if (keys === null) return null;
  const values = node.aggregates.map((aggregate) => {
    const args = computed(input, aggregate.args);
    return Math.max(widthOf(aggregate.type, 0), ...(args?.widths ?? []));
  });
  return { rows: keys.rows, widths: [...keys.widths, ...values] };
}

/** Columns computed from an input: a text is taken to be as long as all texts that it is made of, and a little more. */
function computed(input: SizeBound | null, exprs: readonly Bound[]): SizeBound | null {
  if (input === null) return null;
  const widths = exprs.map((expr) => {
    if (expr.kind === "column") return input.widths[expr.index] ?? unknownText;
    let text = unknownText;
    visitBound(expr, (part) => {
      if (part.kind === "column" && !isFixed(part.type)) text += input.widths[part.index] ?? 0;
      if (part.kind === "literal" && typeof part.value === "string") text += part.value.length;
    });
    return widthOf(expr.type, text);
  });
  return { rows: input.rows, widths };
}

function scanBound(source: ResolvedSource, schema: Schema): SizeBound | null {
  const { format } = source.spec;
  const fileBytes = source.files.reduce((sum, file) => sum + file.bytes * (file.path.endsWith(".gz") ? gzipExpansion : 1), 0);
  switch (format) {
    case "csv":
    case "jsonl":
      return withText(schema, fileBytes / (textField * source.schema.length), fileBytes);
    case "parquet":
      return source.rows === null ? null : withText(schema, source.rows, fileBytes * parquetExpansion, unknownText);
    case "arrow":
      return source.rows === null ? null : withText(schema, source.rows, fileBytes);
    case "rows":
    case "sql":
      return source.rows === null ? null : withText(schema, source.rows, 0, unknownText);
    default:
      return assertNever(format, "source");
  }
}

/** Columns of `rows` rows whose texts hold about `textBytes` in all, and `least` each. */
function withText(schema: Schema, rows: number, textBytes: number, least = 0): SizeBound {
  const texts = schema.filter(({ type }) => !isFixed(type)).length;
  const each = textPlace + Math.max(least, textBytes / Math.max(1, rows * texts));
  return { rows, widths: schema.map(({ type }) => widthOf(type, each)) };
}

const isFixed = (type: DataType): boolean => widthOf(type, -1) >= 0;

/** Bytes of a value; `text` for those whose size is their own. */
function widthOf(type: DataType, text: number): number {
  switch (type.kind) {
    case "bool":
    case "int8":
    case "uint8":
    case "null":
      return 2;
    case "int16":
    case "uint16":
      return 3;
    case "int32":
    case "uint32":
    case "float32":
    case "date":
      return 5;
    case "int64":
    case "uint64":
    case "float64":
    case "timestamp":
      return 9;
    case "decimal":
      return type.precision <= 18 ? 9 : 17;
    case "utf8":
    case "binary":
    case "list":
    case "struct":
      return text;
    default:
      return assertNever(type, "type");
  }
}
