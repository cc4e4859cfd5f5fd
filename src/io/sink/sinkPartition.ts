import type { Batch, Column } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { formatValue } from "../../functions/format.js";
import type { DataType } from "../../schema/types.js";

/** The folder name that stands for null. */
export const hiveNull = "__HIVE_DEFAULT_PARTITION__";

/** Text as part of a folder name: everything but letters, digits and `-_.~` is percent-encoded. */
function encodePart(text: string): string {
  const encoded = encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  // A text that looks like the null name must not become it.
  return text === hiveNull ? encoded.replace("_", "%5F") : encoded;
}

/** `name=value`, with both encoded. */
export const partitionFolder = (name: string, value: string | null): string =>
  `${encodePart(name)}=${value === null ? hiveNull : encodePart(value)}`;

/** Order of partitions: value by value, null last, texts by code point. */
export function comparePartitions(a: readonly (string | null)[], b: readonly (string | null)[]): number {
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? null;
    const y = b[i] ?? null;
    if (x === y) continue;
    if (x === null) return 1;
    if (y === null) return -1;
    return Buffer.compare(Buffer.from(x), Buffer.from(y));
  }
  return 0;
}

/** Gives the rows of one column small numbers: equal values have the same one. `texts` holds the value of each. */
export class PartitionCodes {
  readonly texts: (string | null)[] = [];
  readonly #type: DataType;
  readonly #codes = new Map<string | number | bigint, number>();
  #nullCode = -1;

  constructor(type: DataType) {
    this.#type = type;
  }

  /** A reader of codes for the rows of a column. */
  of(column: Column): (row: number) => number {
    const { valid } = column;
    const value = this.#valueOf(column);
    return (row) => (valid !== null && valid[row] === 0 ? this.#null() : value(row));
  }

  #null(): number {
    if (this.#nullCode < 0) this.#nullCode = this.texts.push(null) - 1;
    return this.#nullCode;
  }

  #valueOf(column: Column): (row: number) => number {
    if (column.layout === "bytes") {
      const { bytes, starts, ends } = column;
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      // One character a byte: cheaper than decoding, and as distinct.
      return (row) => {
        const key = buffer.toString("latin1", starts[row], ends[row]);
        return this.#codes.get(key) ?? this.#add(key, this.#bytesText(buffer.subarray(starts[row], ends[row])));
      };
    }
    const read = columnReader(column);
    return (row) => {
      const value = read(row);
      // -0 and 0 are one partition, as they are one group; a Map takes NaN as equal to NaN.
      const key = typeof value === "number" || typeof value === "bigint" ? value : String(value);
      return this.#codes.get(key) ?? this.#add(key, formatValue(value === 0 ? 0 : value, this.#type));
    };
  }

  #bytesText(bytes: Uint8Array): string {
    return this.#type.kind === "utf8" ? Buffer.from(bytes).toString() : formatValue(bytes, this.#type);
  }

  #add(key: string | number | bigint, text: string): number {
    const code = this.texts.push(text) - 1;
    this.#codes.set(key, code);
    return code;
  }
}

/** The combination of codes of each row, as one small number. */
export class PartitionKeys {
  readonly #columns: readonly { readonly index: number; readonly codes: PartitionCodes }[];
  readonly #combined: Map<number, number>[];
  /** By column, then by combination: the values up to that column. */
  readonly #chains: (string | null)[][][] = [];

  constructor(columns: readonly { readonly index: number; readonly type: DataType }[]) {
    this.#columns = columns.map(({ index, type }) => ({ index, codes: new PartitionCodes(type) }));
    this.#combined = columns.map(() => new Map<number, number>());
  }

  of(batch: Batch): (row: number) => number {
    const readers = this.#columns.map(({ index, codes }) => codes.of(batch.columns[index] as Column));
    return (row) => {
      let key = 0;
      for (let c = 0; c < readers.length; c++) {
        const code = (readers[c] as (row: number) => number)(row);
        key = this.#combine(c, key, code);
      }
      return key;
    };
  }

  /** Numbers pairs of an earlier combination and a code; numbers of the last column are those of the partitions. */
  #combine(column: number, before: number, code: number): number {
    const table = this.#combined[column] as Map<number, number>;
    const pair = before * 2 ** 26 + code;
    const known = table.get(pair);
    if (known !== undefined) return known;
    table.set(pair, table.size);
    const number = table.size - 1;
    const prefix = column === 0 ? [] : (this.#chains[column - 1]?.[before] ?? []);
    const text = this.#columns[column]?.codes.texts[code] ?? null;
    this.#chains[column] ??= [];
    (this.#chains[column] as (string | null)[][])[number] = [...prefix, text];
    return number;
  }

  /** The values of a partition, column by column. */
  values(key: number): readonly (string | null)[] {
    return this.#chains[this.#columns.length - 1]?.[key] ?? [];
  }
}
