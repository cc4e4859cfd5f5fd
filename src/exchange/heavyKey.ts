import { columnReader } from "../batch/reader.js";
import type { BytesColumn } from "../batch/column.js";
import type { BoundNamed } from "../expr/nodes.js";
import { formatValue } from "../functions/format.js";
import { followersIn } from "../kernels/groups/groupForms.js";
import { WordGroupTable } from "../kernels/groups/groupTable.js";
import type { DataType, Schema, Value } from "../schema/types.js";
import type { PartitionSpec } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import type { Block } from "./blockFooter.js";
import { columnsIn, type KeyedPart } from "./keyedReader.js";
import { ReadMemory } from "./readMemory.js";

/** The key that more rows of a partition have than any other. `share`: of the rows, from 0 to 1. */
export interface HeavyKey {
  /** Columns and values, for people. */
  readonly text: string;
  readonly share: number;
}

/** Rows that are looked at. */
const sampleRows = 2 ** 16;
/** A key with less of the rows than this is none to tell of. */
const leastShare = 0.2;
const mostText = 80;

type BucketsPart = Extract<PartitionSpec, { kind: "buckets" }>;

/** Rows [from, to) of a block that are looked at. */
interface Look {
  readonly file: BlockFile;
  readonly block: Block;
  readonly from: number;
  readonly to: number;
  /** What is read into it is good until the next block. */
  readonly memory: ReadMemory;
}

interface RowKeys {
  /** Tells the key of a row from every other. */
  readonly id: (row: number) => string;
  /** What gives the key's text, also when the block is not there any more. */
  readonly keep: (row: number) => () => string;
}

/**
 * The key that makes a partition of a grouped exchange large, from a sample of its rows that depends on the files alone: the middle of what each
 * block has of it. null where no key has a fifth of them.
 * @param keys of the aggregation, in order
 * @throws MillraceError External/SCRATCH_UNREADABLE, SCRATCH_DAMAGED
 */
export function heavyKey(paths: readonly string[], part: BucketsPart, keys: readonly BoundNamed[]): HeavyKey | null {
  if (keys.length === 0) return null;
  return mostFrequent(paths, part, ({ file, block, from, to, memory }) => {
    const packed = file.readColumn(block, 0, from, to, memory);
    if (packed.layout !== "bytes") return null;
    const bytesOf = (row: number) => packed.bytes.subarray(packed.starts[row], packed.ends[row]);
    const leading = keys.slice(0, keys.length - followersIn(file.schemaOf(block)));
    return {
      id: (row) => {
        const bytes = bytesOf(row);
        return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
      },
      keep: (row) => {
        const bytes = bytesOf(row).slice();
        return () => packedText(bytes, leading);
      },
    };
  });
}

/**
 * The same of rows that were put into buckets as they are.
 * @param keys the columns by which that was done
 * @throws MillraceError as `heavyKey`
 */
export function heavyRowKey(paths: readonly string[], part: KeyedPart, keys: Schema): HeavyKey | null {
  if (keys.length === 0) return null;
  return mostFrequent(paths, part, ({ file, block, from, to, memory }) => {
    const columns = columnsIn(file.schemaOf(block), keys);
    const readers = columns.map((index) => columnReader(file.readColumn(block, index, from, to, memory)));
    const values = (row: number) => keys.map(({ type }, i) => valueText(readers[i]?.(row) ?? null, type));
    return {
      // JSON keeps texts, null and the borders between values apart.
      id: (row) => JSON.stringify(values(row)),
      keep: (row) => {
        const texts = values(row);
        return () => keys.map(({ name, type }, i) => equation(name, type, texts[i] ?? null)).join(", ");
      },
    };
  });
}

function mostFrequent(
  paths: readonly string[],
  part: BucketsPart | KeyedPart,
  keysOf: (look: Look) => RowKeys | null,
): HeavyKey | null {
  const all = eachBlock(paths, part, (_, __, from, to) => to - from).reduce((sum, rows) => sum + rows, 0);
  const found = new Map<string, { rows: number; readonly text: () => string }>();
  let looked = 0;
  const memory = new ReadMemory();
  eachBlock(paths, part, (file, block, from, to) => {
    const rows = Math.min(to - from, Math.ceil(((to - from) * sampleRows) / Math.max(1, all)));
    const start = from + ((to - from - rows) >>> 1);
    const keys = keysOf({ file, block, from: start, to: start + rows, memory });
    if (keys === null) return;
    looked += rows;
    for (let row = 0; row < rows; row++) {
      const id = keys.id(row);
      const known = found.get(id);
      if (known !== undefined) known.rows++;
      else found.set(id, { rows: 1, text: keys.keep(row) });
    }
  });
  let most: { readonly rows: number; readonly text: () => string } | null = null;
  for (const one of found.values()) if (most === null || one.rows > most.rows) most = one;
  return most === null || most.rows < leastShare * looked ? null : { text: most.text(), share: most.rows / looked };
}

/** Calls for the rows of the partition in every block. */
function eachBlock<T>(
  paths: readonly string[],
  part: BucketsPart | KeyedPart,
  visit: (file: BlockFile, block: Block, from: number, to: number) => T,
): T[] {
  return paths.flatMap((path) => {
    const file = new BlockFile(path);
    try {
      return file.blocks.map((block) => {
        const to = block.bounds[part.to] ?? block.rows;
        return visit(file, block, block.bounds[part.from] ?? to, to);
      });
    } finally {
      file.close();
    }
  });
}

function packedText(packed: Uint8Array, keys: readonly BoundNamed[]): string {
  const table = new WordGroupTable(keys.map(({ expr }) => ({ type: expr.type, nullable: expr.nullable })));
  try {
    table.assignPacked(oneText(packed));
    const columns = table.keyColumns(null);
    return keys
      .map(({ name, expr: { type } }, i) => {
        const column = columns[i];
        return equation(name, type, column === undefined ? null : valueText(columnReader(column)(0), type));
      })
      .join(", ");
  } finally {
    table.free();
  }
}

const valueText = (value: Value, type: DataType): string | null => (value === null ? null : formatValue(value, type));

function equation(name: string, type: DataType, text: string | null): string {
  if (text === null) return `${name} is null`;
  const cut = text.length > mostText ? `${text.slice(0, mostText)}…` : text;
  return `${name} = ${type.kind === "utf8" ? JSON.stringify(cut) : cut}`;
}

const oneText = (bytes: Uint8Array): BytesColumn => ({
  layout: "bytes",
  type: { kind: "binary" },
  length: 1,
  bytes,
  starts: new Int32Array(1),
  ends: Int32Array.of(bytes.length),
  valid: null,
});
