import { decodeIpc } from "../../batch/ipc.js";
import { required } from "../../common/assert.js";
import { dataError, MillraceError } from "../../common/errors.js";
import { type Field, type Schema, types } from "../../schema/types.js";
import { encodeFooterLike, type Footer, groupAsRead, magic, type RowGroup } from "./parquetFooter.js";
import { treeOf } from "./parquetTree.js";
import { parquetWasm } from "./parquetWasm.js";
import {
  list,
  numberField,
  struct,
  structField,
  structsField,
  textField,
  type ThriftStruct,
  type ThriftValue,
} from "./parquetThrift.js";

/** What is done with a column after it was decoded. */
export type Conversion = "none" | "uuid" | "timeMillis" | "timeMicros" | "timeNanos";

/** A column of a file: its part of the schema tree and of every row group's chunks. */
export interface FileColumn {
  readonly name: string;
  readonly elements: readonly ThriftStruct[];
  readonly firstLeaf: number;
  readonly leaves: number;
  readonly conversion: Conversion;
}

/** A column in one file. `chunks`: the metadata of each row group's part; undefined where it is not in the footer. */
export interface ColumnMetadata {
  readonly column: FileColumn;
  readonly chunks: readonly (ThriftStruct | undefined)[];
}

const logicalIds = { map: 2, enum: 4, time: 7, json: 12, bson: 13, uuid: 14, float16: 15 } as const;
const convertedIds = { map: 1, mapKeyValue: 2, enum: 4, timeMillis: 7, timeMicros: 8, json: 19, bson: 20, interval: 21 } as const;
const stringLogical = struct({ 1: struct({}) });
const listLogical = struct({ 3: struct({}) });
const listConverted: ThriftValue = { kind: "i32", value: 3 };

/**
 * The columns of a file, in its order; with `names`, only those.
 * @throws MillraceError Data/PARQUET_CORRUPT, UNSUPPORTED_PARQUET_TYPE
 */
export function fileColumns(footer: Footer, file: string, names: ReadonlySet<string> | null = null): FileColumn[] {
  const elements = structsField(footer.metadata, 2);
  const root = elements[0];
  if (root === undefined) throw dataError("PARQUET_CORRUPT", `${file}: the metadata has no schema`, { file });
  const columns: FileColumn[] = [];
  let at = 1;
  let leaf = 0;
  for (let c = 0; c < (numberField(root, 5) ?? 0); c++) {
    const from = at;
    at = subtreeEnd(elements, at, file);
    const own = elements.slice(from, at);
    const head = own[0] as ThriftStruct;
    const name = textField(head, 4) ?? "";
    const leaves = own.filter((element) => element.has(1)).length;
    const firstLeaf = leaf;
    leaf += leaves;
    if (names !== null && !names.has(name)) continue;
    const conversion = own.length === 1 ? conversionOf(head) : "none";
    columns.push({ name, elements: own.map((element) => plainElement(element, name, file)), firstLeaf, leaves, conversion });
  }
  return columns;
}

/** Names of all columns of a file. */
export function columnNames(footer: Footer): string[] {
  const elements = structsField(footer.metadata, 2);
  const names: string[] = [];
  for (let at = 1; at < elements.length; at = subtreeEnd(elements, at, "")) {
    names.push(textField(elements[at] as ThriftStruct, 4) ?? "");
  }
  return names;
}

function subtreeEnd(elements: readonly ThriftStruct[], start: number, file: string): number {
  let at = start;
  for (let open = 1; open > 0; open--) {
    const element = elements[at++];
    if (element === undefined) throw dataError("PARQUET_CORRUPT", `${file}: the schema ends in the middle of a column`, { file });
    open += numberField(element, 5) ?? 0;
  }
  return at;
}

function conversionOf(element: ThriftStruct): Conversion {
  const logical = structField(element, 10);
  if (logical?.has(logicalIds.uuid)) return "uuid";
  const time = logical === undefined ? undefined : structField(logical, logicalIds.time);
  const unit = time === undefined ? undefined : structField(time, 2);
  if (unit?.has(1)) return "timeMillis";
  if (unit?.has(2)) return "timeMicros";
  if (unit?.has(3)) return "timeNanos";
  const converted = numberField(element, 6);
  return converted === convertedIds.timeMillis ? "timeMillis" : converted === convertedIds.timeMicros ? "timeMicros" : "none";
}

/**
 * A schema element as the decoder is shown it: times and UUIDs as what they are stored as, JSON and enums as text, maps as lists of
 * key and value. What the decoder makes of a column then depends on the Parquet types alone.
 */
function plainElement(element: ThriftStruct, column: string, file: string): ThriftStruct {
  const logical = structField(element, 10);
  const converted = numberField(element, 6);
  if (converted === convertedIds.interval || logical?.has(logicalIds.float16)) {
    const what = converted === convertedIds.interval ? "an interval" : "a 16-bit float";
    throw dataError("UNSUPPORTED_PARQUET_TYPE", `${file}: column ${JSON.stringify(column)} is ${what}, which has no type here`, {
      file,
      column,
      hint: "Cast the column in the program that writes the file, or declare a schema without it.",
    });
  }
  const fields = new Map(element);
  const drop = () => {
    fields.delete(6);
    fields.delete(10);
  };
  const isLogical = (id: number) => logical?.has(id) ?? false;
  if (conversionOf(element) !== "none") drop();
  else if (isLogical(logicalIds.map) || converted === convertedIds.map) {
    fields.set(10, listLogical);
    fields.set(6, listConverted);
  } else if (converted === convertedIds.mapKeyValue || isLogical(logicalIds.bson) || converted === convertedIds.bson) drop();
  else if (
    isLogical(logicalIds.json) ||
    isLogical(logicalIds.enum) ||
    converted === convertedIds.json ||
    converted === convertedIds.enum
  ) {
    fields.set(6, { kind: "i32", value: 0 });
    fields.set(10, stringLogical);
  }
  return fields;
}

/** The footer of a file that holds the given columns only. */
export function footerOf(columns: readonly FileColumn[], groups: readonly RowGroup[]): Uint8Array {
  const root = struct({ 4: { kind: "binary", value: Buffer.from("schema") }, 5: { kind: "i32", value: columns.length } });
  const elements = columns.flatMap((column) => column.elements.map((fields): ThriftValue => ({ kind: "struct", fields })));
  const metadata = new Map<number, ThriftValue>([
    [1, { kind: "i32", value: 1 }],
    [2, list([root, ...elements])],
  ]);
  return encodeFooterLike(metadata, groups.map(groupAsRead));
}

/** The schema of the columns, as their rows will be delivered. Only unusual columns are shown to the decoder, which is slow to load. */
export function schemaOfColumns(columns: readonly FileColumn[], file: string): Schema {
  const known = columns.map(knownField);
  const unusual = columns.filter((_, i) => known[i] === null);
  const decoded = unusual.length === 0 ? [] : decodedSchema(unusual, file);
  return columns.map((column, i) => {
    const field = known[i] ?? required(decoded[unusual.indexOf(column)], "decoded column");
    if (column.conversion === "none") return field;
    return { ...field, type: column.conversion === "uuid" ? types.utf8 : types.int64 };
  });
}

function knownField({ elements }: FileColumn): Field | null {
  const tree = treeOf(elements);
  return tree === null ? null : { name: tree.name, type: tree.type, nullable: tree.nullable };
}

/** What the decoder makes of the columns, found by a file that has them and no rows. */
function decodedSchema(columns: readonly FileColumn[], file: string): Schema {
  const empty = Buffer.concat([magic, footerOf(columns, [])]);
  try {
    return decodeIpc(parquetWasm().readParquet(empty).intoIPCStream(), file).schema;
  } catch (thrown) {
    throw dataError("PARQUET_CORRUPT", `${file}: the schema cannot be read: ${reasonOf(thrown)}`, { file, cause: thrown });
  }
}

/** Runs what looks into a file's metadata; an error that does not name the file gets it. */
export function inFile<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (thrown) {
    if (thrown instanceof MillraceError && thrown.place.file !== undefined) throw thrown;
    throw dataError("PARQUET_CORRUPT", `${file}: ${reasonOf(thrown)}`, {
      file,
      cause: thrown,
      hint: "Write or copy the file again.",
    });
  }
}

/** The text of whatever a decoder threw. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text === "unreachable" ? "the bytes make no sense to the decoder" : text;
}
