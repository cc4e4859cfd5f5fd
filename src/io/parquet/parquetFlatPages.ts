import * as zlib from "node:zlib";
import type { Column } from "../../batch/column.js";
import type { KernelRoom } from "../../kernels/kernelRoom.js";
import { pageKernels, type PageRows } from "../../kernels/parquetPages.js";
import type { Kernels } from "../../kernels/wasm.js";
import { plainOf } from "./parquetEncodings.js";
import type { ColumnRoom } from "./parquetColumnRoom.js";
import type { ChunkForm, PageHead } from "./parquetPageHeads.js";
import { codecs, encodings, physical } from "./parquetSchema.js";
import { snappyDecode } from "./snappyDecode.js";

/** Values of a page are plain, places in the chunk's dictionary, or booleans in runs. Other encodings are undone into plain values. */
export type PageForm = "plain" | "dictionary" | "runs";

/** The pages of a leaf, the kernels that decode them, and the room for what they hold; null for memory of its own. */
export interface FlatChunk {
  readonly memory: ColumnRoom | null;
  readonly heads: readonly PageHead[];
  readonly form: ChunkForm;
  readonly kernels: Kernels;
}

/** A decoded leaf. In lists its rows are those of the innermost one's items, and one for each list that is empty or null. */
export interface FlatColumn {
  readonly column: Column;
  /** Definition levels of a leaf in structs or lists, one byte a row; null where every row has a value. */
  readonly levels: Uint8Array | null;
  /** Repetition levels of a leaf in lists, one byte a row; null for others. */
  readonly repeats: Uint8Array | null;
}

/** A page of values in kernel memory, decompressed. */
export interface FlatPage extends PageRows {
  readonly form: PageForm;
  /** Definition levels in structs or lists: the address of one byte a row; 0 where every row has a value. */
  readonly levels: number;
  /** Repetition levels in lists: the address of one byte a row; 0 outside of lists. */
  readonly repeats: number;
  /** Values that are there. */
  readonly live: number;
  /** The values' address. */
  readonly at: number;
  /** Their bytes. */
  readonly length: number;
}

/** Which rows of a page are there. */
type Levels = Pick<FlatPage, "valid" | "levels" | "live">;

/** A stretch of kernel memory. */
interface Stretch {
  readonly at: number;
  readonly length: number;
}

/** Brings a page into kernel memory; null where it does not hold what it says, or a codec or encoding is not known here. */
export function openPage(head: PageHead, form: ChunkForm, room: KernelRoom): FlatPage | null {
  const { rows } = head;
  const at = unpack(head, room);
  if (at === null) return null;
  const end = at + head.size;
  const every = { valid: 0, levels: 0, live: rows, repeats: 0 };
  if (head.kind === "dictionary" || form.level === 0) return pageOf(head, every, at, head.size, form, room);
  const isApart = head.levels !== null;
  const repeated = form.depth === 0 ? { at, length: 0 } : isApart ? put(head.repeats, room) : stretchAt(at, end, room);
  if (repeated === null) return null;
  const defined = head.levels !== null ? put(head.levels, room) : stretchAt(repeated.at + repeated.length, end, room);
  const repeats = form.depth === 0 ? 0 : repeatsOf(repeated, rows, form.depth, room);
  const levels = defined === null || repeats === null ? null : levelsOf(defined, rows, form.level, room);
  if (defined === null || repeats === null || levels === null) return null;
  const values = isApart ? at : defined.at + defined.length;
  return pageOf(head, { ...levels, repeats }, values, end - values, form, room);
}

const put = (bytes: Uint8Array, room: KernelRoom): Stretch => ({ at: room.put(bytes), length: bytes.length });

/** What stands at `at` behind its length; null where it does not end before `end`. */
function stretchAt(at: number, end: number, room: KernelRoom): Stretch | null {
  const left = end - at - 4;
  const length = left < 0 ? 0 : wordAt(room, at);
  return length > left ? null : { at: at + 4, length };
}

/** The word of 32 bits at an address. */
export const wordAt = (room: KernelRoom, at: number): number =>
  new DataView(room.kernels.memory.memory.buffer).getUint32(at, true);

/** The address of repetition levels; null where they are not that. */
function repeatsOf({ at, length }: Stretch, rows: number, most: number, room: KernelRoom): number | null {
  const repeats = room.take(rows);
  return pageKernels(room).hybridBytes(at, length, 32 - Math.clz32(most), rows, repeats, most) < 0 ? null : repeats;
}

function levelsOf({ at, length }: Stretch, rows: number, most: number, room: KernelRoom): Levels | null {
  const levels = room.take(rows);
  const live = pageKernels(room).hybridBytes(at, length, 32 - Math.clz32(most), rows, levels, most);
  if (live < 0) return null;
  if (live === rows) return { valid: 0, levels: 0, live };
  if (most === 1) return { valid: levels, levels, live };
  const valid = room.take(rows);
  pageKernels(room).equalBytes(levels, rows, most, valid);
  return { valid, levels, live };
}

/** A page whose values are the `length` bytes at `at`. */
function pageOf(
  { rows, encoding }: PageHead,
  levels: Levels & Pick<FlatPage, "repeats">,
  at: number,
  length: number,
  form: ChunkForm,
  room: KernelRoom,
): FlatPage | null {
  const page = { ...levels, rows };
  const known = formOf(encoding);
  if (known !== null) return known === "runs" && form.physical !== physical.boolean ? null : { ...page, form: known, at, length };
  const plain = plainOf(encoding, room.view(at, length).slice(), levels.live, form);
  return plain === null ? null : { ...page, form: "plain", at: room.put(plain), length: plain.length };
}

/** null for an encoding that is undone into plain values, if it is known. */
export function formOf(encoding: number): PageForm | null {
  if (encoding === encodings.plain) return "plain";
  if (encoding === encodings.rle) return "runs";
  return encoding === encodings.plainDictionary || encoding === encodings.rleDictionary ? "dictionary" : null;
}

type Undo = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array;

/** Zstd is not in every Node. */
const zstd = (zlib as unknown as { readonly zstdDecompressSync?: Undo }).zstdDecompressSync;

/** The address of a page's bytes; null for other codecs, and for bytes that are not `size` bytes packed with this one. */
function unpack({ packed, size, codec }: PageHead, room: KernelRoom): number | null {
  if (codec === codecs.uncompressed) return packed.length === size ? room.put(packed) : null;
  if (codec === codecs.snappy) return snappyDecode(packed, size, room);
  const undo: Undo | undefined = codec === codecs.gzip ? zlib.gunzipSync : codec === codecs.zstd ? zstd : undefined;
  if (undo === undefined) return null;
  try {
    const out = undo(packed, { maxOutputLength: Math.max(1, size) });
    return out.length === size ? room.put(out) : null;
  } catch {
    // Who can say what is wrong with it is asked instead.
    return null;
  }
}
