import { writeFileSync } from "node:fs";
import { encodeFooterLike, groupAsRead, magic } from "../../../src/io/parquet/parquetFooter.js";
import { encodePageHeader } from "../../../src/io/parquet/parquetPageHeader.js";
import { binary, i32, i64, list, struct, type ThriftValue, text } from "../../../src/io/parquet/parquetThrift.js";

/** A column as bytes: for what no writer at hand writes. */
export interface HandColumn {
  readonly name: string;
  readonly physical: number;
  readonly typeLength?: number;
  readonly converted?: number;
  readonly scale?: number;
  readonly precision?: number;
  readonly logical?: ThriftValue;
  /** The plain bytes of each row's value; of booleans one byte. */
  readonly values: readonly (Uint8Array | null)[];
  readonly how: "plain" | "dictionary" | "runs";
}

const physicalOf = { boolean: 0, byteArray: 6 } as const;
const encodings = { plain: 0, runs: 3, dictionary: 8 } as const;

/** Values in one run each: a hybrid of runs without bit-packed groups. */
function runs(values: readonly number[], bytes: number): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const run = Buffer.alloc(1 + bytes);
      run[0] = 2;
      run.writeUIntLE(value, 1, bytes);
      return run;
    }),
  );
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function plain({ physical }: HandColumn, values: readonly Uint8Array[]): Buffer {
  if (physical === physicalOf.byteArray) return Buffer.concat(values.map((value) => withLength(Buffer.from(value))));
  if (physical !== physicalOf.boolean) return Buffer.concat(values);
  const bits = Buffer.alloc(Math.ceil(values.length / 8));
  for (const [i, value] of values.entries()) bits[i >> 3] = (bits[i >> 3] as number) | ((value[0] as number) << (i & 7));
  return bits;
}

function page(kind: "data" | "dictionary", values: number, encoding: number, bytes: Buffer): Buffer {
  const head = encodePageHeader({ kind, values, encoding, stored: bytes.length, raw: bytes.length, crc: null });
  return Buffer.concat([head, bytes]);
}

/** The pages of a column: the dictionary, where it has one, then one data page. */
function pagesOf(column: HandColumn): Buffer[] {
  const { values, how } = column;
  const there = values.filter((value): value is Uint8Array => value !== null);
  const levels = withLength(
    runs(
      values.map((value) => (value === null ? 0 : 1)),
      1,
    ),
  );
  const data = (bytes: Buffer) => page("data", values.length, encodings[how], Buffer.concat([levels, bytes]));
  if (how === "plain") return [data(plain(column, there))];
  if (how === "runs") {
    const bits = there.map((value) => value[0] as number);
    return [data(withLength(runs(bits, 1)))];
  }
  const words = [...new Map(there.map((value) => [Buffer.from(value).toString("hex"), value])).entries()];
  const places = there.map((value) => words.findIndex(([hex]) => hex === Buffer.from(value).toString("hex")));
  const dictionary = plain(
    column,
    words.map(([, value]) => value),
  );
  return [page("dictionary", words.length, encodings.plain, dictionary), data(Buffer.concat([Buffer.of(16), runs(places, 2)]))];
}

/** Writes columns of equally many nullable rows as an uncompressed file of one row group. */
export function writeByHand(file: string, columns: readonly HandColumn[]): void {
  const parts: Uint8Array[] = [magic];
  let at = magic.length;
  const rows = columns[0]?.values.length ?? 0;
  const chunks = columns.map((column) => {
    const pages = pagesOf(column);
    const bytes = Buffer.concat(pages);
    const data = at + bytes.length - (pages.at(-1)?.length ?? 0);
    const meta = struct({
      1: i32(column.physical),
      2: list([0, 3, 8].map(i32)),
      3: list([text(column.name)]),
      4: i32(0),
      5: i64(rows),
      6: i64(bytes.length),
      7: i64(bytes.length),
      9: i64(data),
      11: pages.length > 1 ? i64(at) : undefined,
    });
    parts.push(bytes);
    at += bytes.length;
    return struct({ 2: i64(0), 3: meta });
  });
  const elements = columns.map((column) =>
    struct({
      1: i32(column.physical),
      2: column.typeLength === undefined ? undefined : i32(column.typeLength),
      3: i32(1),
      4: text(column.name),
      6: column.converted === undefined ? undefined : i32(column.converted),
      7: column.scale === undefined ? undefined : i32(column.scale),
      8: column.precision === undefined ? undefined : i32(column.precision),
      10: column.logical,
    }),
  );
  const root = struct({ 4: binary(Buffer.from("schema")), 5: i32(columns.length) });
  const group = struct({ 1: list(chunks), 2: i64(at), 3: i64(rows) });
  const like = new Map([
    [1, i32(1)],
    [2, list([root, ...elements])],
  ]);
  writeFileSync(file, Buffer.concat([...parts, encodeFooterLike(like, [groupAsRead({ rows, meta: group })])]));
}
