import { columnReader } from "../batch/reader.js";
import type { BytesColumn } from "../batch/column.js";
import type { BoundNamed } from "../expr/nodes.js";
import { formatValue } from "../functions/format.js";
import { followersIn } from "../kernels/groupForms.js";
import { WordGroupTable } from "../kernels/groupTable.js";
import type { PartitionSpec } from "../task/protocol.js";
import { type Block, BlockFile } from "./blockFile.js";
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

/**
 * The key that makes a partition of a grouped exchange large, from a sample of its rows that depends on the files alone: the middle of what each
 * block has of it. null where no key has a fifth of them.
 * @param keys of the aggregation, in order
 * @throws MillraceError External/SCRATCH_UNREADABLE, SCRATCH_DAMAGED
 */
export function heavyKey(paths: readonly string[], part: BucketsPart, keys: readonly BoundNamed[]): HeavyKey | null {
  if (keys.length === 0) return null;
  const all = eachBlock(paths, part, (_, __, from, to) => to - from).reduce((sum, rows) => sum + rows, 0);
  const found = new Map<string, { rows: number; readonly packed: Uint8Array; readonly leading: number }>();
  let looked = 0;
  const memory = new ReadMemory();
  eachBlock(paths, part, (file, block, from, to) => {
    const rows = Math.min(to - from, Math.ceil(((to - from) * sampleRows) / Math.max(1, all)));
    const start = from + ((to - from - rows) >>> 1);
    const packed = file.readColumn(block, 0, start, start + rows, memory);
    if (packed.layout !== "bytes") return;
    looked += rows;
    for (let row = 0; row < rows; row++) {
      const bytes = packed.bytes.subarray(packed.starts[row], packed.ends[row]);
      const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
      const known = found.get(name);
      if (known !== undefined) known.rows++;
      else found.set(name, { rows: 1, packed: bytes.slice(), leading: keys.length - followersIn(file.schemaOf(block)) });
    }
  });
  let most: { readonly rows: number; readonly packed: Uint8Array; readonly leading: number } | null = null;
  for (const one of found.values()) if (most === null || one.rows > most.rows) most = one;
  if (most === null || most.rows < leastShare * looked) return null;
  return { text: keyText(most.packed, keys.slice(0, most.leading)), share: most.rows / looked };
}

/** Calls for the rows of the partition in every block. */
function eachBlock<T>(
  paths: readonly string[],
  part: BucketsPart,
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

function keyText(packed: Uint8Array, keys: readonly BoundNamed[]): string {
  const table = new WordGroupTable(keys.map(({ expr }) => ({ type: expr.type, nullable: expr.nullable })));
  try {
    table.assignPacked(oneText(packed));
    const columns = table.keyColumns(null);
    return keys
      .map(({ name, expr }, i) => {
        const column = columns[i];
        const value = column === undefined ? null : columnReader(column)(0);
        if (value === null) return `${name} is null`;
        const text = formatValue(value, expr.type);
        const cut = text.length > mostText ? `${text.slice(0, mostText)}…` : text;
        return `${name} = ${expr.type.kind === "utf8" ? JSON.stringify(cut) : cut}`;
      })
      .join(", ");
  } finally {
    table.free();
  }
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
