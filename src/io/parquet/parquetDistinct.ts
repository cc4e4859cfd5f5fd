import type { DistinctValues } from "../../plan/statistics.js";
import type { ColumnMetadata } from "./parquetReadSchema.js";
import { leafType } from "./parquetLeafType.js";
import { bytesOfValue, physical } from "./parquetSchema.js";
import { binaryField, numberField, structField, type ThriftStruct } from "./parquetThrift.js";

/** What one row group says of a column. */
interface Part extends DistinctValues {
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
}

/** Of a dictionary page, about. */
const pageHead = 16;
/** Bytes that stand for a text's length. */
const lengthBytes = 4;
/** A text of which no bounds are given: writers leave out those of long ones. */
const longText = 64;

/**
 * About how many different values a column has at least. A row group has as many as it counts, or as fit into its dictionary page, or as many as rows
 * where its writer gave up a dictionary. Row groups whose values lie beside each other have different ones, and those that lie over each other are
 * taken to have the same.
 */
export function distinctValues(files: readonly ColumnMetadata[]): DistinctValues | null {
  const parts: Part[] = [];
  for (const { column, chunks } of files) {
    const [element, ...others] = column.elements;
    if (element === undefined || others.length > 0) return null;
    for (const chunk of chunks) {
      if (chunk === undefined) return null;
      const part = partOf(chunk, element);
      if (part !== null) parts.push(part);
    }
  }
  const element = files[0]?.column.elements[0];
  if (element === undefined || parts.length === 0) return { least: 0, counted: true };
  const all = parts.reduce((sum, { least }) => sum + least, 0);
  const { values, deep } = spreadOf(parts, element);
  return { least: Math.round(Math.min(values, all / Math.max(1, deep))), counted: parts.some(({ counted }) => counted) };
}

/** Null for a row group without values. */
function partOf(chunk: ThriftStruct, element: ThriftStruct): Part | null {
  const statistics = structField(chunk, 12) ?? new Map();
  const [max, min] = [binaryField(statistics, 5), binaryField(statistics, 6)];
  const values = (numberField(chunk, 5) ?? 0) - (numberField(statistics, 3) ?? 0);
  if (values <= 0) return null;
  const count = numberField(statistics, 4) ?? 0;
  if (count > 0) return { least: Math.min(count, values), counted: true, min, max };
  const dictionary = numberField(chunk, 11) ?? 0;
  const page = dictionary > 0 ? (numberField(chunk, 9) ?? 0) - dictionary : 0;
  // Compressed, it may hold more.
  const entries = page > 0 ? Math.max(1, Math.floor((page - pageHead) / entryBytes(element, min, max))) : values;
  return { least: Math.min(entries, values), counted: false, min, max };
}

/** Bytes of a value in a dictionary. */
function entryBytes(element: ThriftStruct, min: Uint8Array | undefined, max: Uint8Array | undefined): number {
  const type = numberField(element, 1) ?? -1;
  if (type === physical.int96) return 12;
  const bytes = bytesOfValue({ physical: type, size: Math.max(1, numberField(element, 2) ?? 1) });
  if (bytes > 0) return bytes;
  return lengthBytes + (min === undefined || max === undefined ? longText : (min.length + max.length) / 2);
}

/**
 * How many values there can be between the bounds of all row groups, and between the bounds of how many row groups one lies on average. All lie over
 * each other where bounds are missing.
 */
function spreadOf(parts: readonly Part[], element: ThriftStruct): { readonly values: number; readonly deep: number } {
  const type = numberField(element, 1);
  if (type === physical.boolean) return { values: 2, deep: parts.length };
  const whole = type === physical.int32 || type === physical.int64;
  const placeOf = placing(parts, element);
  let [from, to, covered] = [Infinity, -Infinity, 0];
  for (const { min, max } of parts) {
    const [low, high] = [placeOf(min), placeOf(max)];
    if (!(low <= high)) return { values: Infinity, deep: parts.length };
    from = Math.min(from, low);
    to = Math.max(to, high);
    covered += high - low + (whole ? 1 : 0);
  }
  const width = to - from + (whole ? 1 : 0);
  return { values: whole ? width : Infinity, deep: width > 0 ? covered / width : parts.length };
}

/** Where a bound lies among those of a column; NaN where it is missing. */
function placing(parts: readonly Part[], element: ThriftStruct): (bound: Uint8Array | undefined) => number {
  const read = readers.get(numberField(element, 1) ?? -1);
  if (read !== undefined) {
    const unsigned = leafType(element)?.kind.startsWith("uint") === true;
    return (bound) => (bound?.length === read.bytes ? read.of(new DataView(bound.buffer, bound.byteOffset), unsigned) : NaN);
  }
  const shared = sharedBytes(parts.flatMap(({ min, max }) => (min === undefined || max === undefined ? [] : [min, max])));
  return (bound) => (bound === undefined ? NaN : leading(bound, shared));
}

const readers: ReadonlyMap<number, { readonly bytes: number; of(view: DataView, unsigned: boolean): number }> = new Map([
  [physical.int32, { bytes: 4, of: (view, unsigned) => (unsigned ? view.getUint32(0, true) : view.getInt32(0, true)) }],
  [
    physical.int64,
    { bytes: 8, of: (view, unsigned) => Number(unsigned ? view.getBigUint64(0, true) : view.getBigInt64(0, true)) },
  ],
  [physical.float, { bytes: 4, of: (view) => view.getFloat32(0, true) }],
  [physical.double, { bytes: 8, of: (view) => view.getFloat64(0, true) }],
]);

/** How many bytes all of these begin with. */
function sharedBytes(bounds: readonly Uint8Array[]): number {
  const [first = new Uint8Array(0), ...others] = bounds;
  return others.reduce((shared, bound) => {
    let at = 0;
    while (at < shared && bound[at] === first[at]) at++;
    return at;
  }, first.length);
}

/** The next six bytes as a number, which orders texts as they are. */
function leading(bytes: Uint8Array, from: number): number {
  let number = 0;
  for (let i = from; i < from + 6; i++) number = number * 256 + (bytes[i] ?? 0);
  return number;
}
