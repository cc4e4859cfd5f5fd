import type { BytesColumn } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { Schema } from "../schema/types.js";
import type { HeldFile } from "../task/protocol.js";
import type { NarrowWidth } from "./narrowWords.js";

/** Where the parts of a column stand in the file; null where there is none. */
export interface ColumnPlace {
  readonly values: number;
  readonly offsets: number | null;
  /** For byte strings without offsets: the length of each. */
  readonly stride?: number;
  /** For 64-bit integers that were written with fewer bytes: how many. */
  readonly narrow?: NarrowWidth;
  readonly valid: number | null;
  /** For values that are codes: which of the file's texts they stand for, and the bytes of each code. */
  readonly coded?: { readonly texts: number; readonly width: number };
}

/** Texts that codes stand for. */
export interface TextsPlace {
  readonly rows: number;
  readonly place: ColumnPlace;
}

export interface Block {
  /** Which of the file's schemas it has. */
  readonly schema: number;
  readonly rows: number;
  /** How many rows came for it, where some of them were left out. */
  readonly came?: number;
  /** The first row of each bucket, and the end of the last. */
  readonly bounds: readonly number[];
  readonly columns: readonly ColumnPlace[];
}

/** What a file says of itself as a whole. */
interface Head {
  readonly schemas: readonly Schema[];
  readonly texts: readonly TextsPlace[];
  /** Where the parts of the blocks end. */
  readonly dataEnd: number;
}

/** The footer of a file in memory, as JSON. */
interface HeldFooter extends Head {
  readonly blocks: readonly Block[];
  readonly groups: readonly number[];
  /** Instead of blocks that are even, whose numbers lie in shared memory. */
  readonly even?: EvenHead;
}

interface EvenHead {
  readonly schema: number;
  readonly blocks: number;
  readonly buckets: number;
  readonly columns: readonly ColumnPlace[];
}

/**
 * A footer as it is read. On a disk what is known of each block is text of its own behind the blocks, under the checksums of their pages, so that who
 * wants a few blocks of very many files reads nothing of the others.
 */
export interface Footer extends Head {
  /** Where the texts of the blocks end, and with them the pages. */
  readonly pagedEnd: number;
  /** The crc32 of every page before `pagedEnd`. */
  readonly pages: Uint32Array;
  /** Where the text of each block begins behind `dataEnd`, and the end of the last. */
  readonly texted: Uint32Array;
  /** How many blocks there are up to the end of each group of them. */
  readonly groups: Uint32Array;
  /** The blocks that were read. */
  readonly blocks: (Block | undefined)[];
  /** Keys that searches in a sorted file have looked at, by row, as latin1. */
  readonly pivots: Map<number, string>;
  /** Texts that codes stand for, once they were read. */
  readonly codedTexts: BytesColumn[];
  /** Its blocks, where they are even and in memory. */
  readonly even?: EvenBlocks;
  /** Bytes that this takes in memory, about. */
  cost: number;
}

/**
 * Blocks of one schema whose columns have no nulls and values of one width: then it takes a few numbers to find some buckets of all of them, and no
 * object for each block.
 */
export interface EvenBlocks {
  readonly schema: Schema;
  /** Which of the file's schemas that is. */
  readonly number: number;
  readonly blocks: number;
  readonly buckets: number;
  /** The columns, as they stand in each block. */
  readonly columns: readonly ColumnPlace[];
  /** Where each bucket of each block begins, and the end of the last: `buckets + 1` numbers a block. */
  readonly bounds: Int32Array;
  /** Where the values of each column of each block stand in the file. */
  readonly positions: Float64Array;
}

/** A parsed block takes this many times the bytes of its text. */
const parsedCost = 4;
const wordBytes = Uint32Array.BYTES_PER_ELEMENT;

/** What is to be written behind the parts of blocks: the text of each, and where each begins among them. */
export function blockTexts(blocks: readonly Block[]): { readonly text: Buffer; readonly texted: Uint32Array } {
  const texts = blocks.map((block) => Buffer.from(JSON.stringify(block), "utf8"));
  const texted = new Uint32Array(blocks.length + 1);
  for (const [i, { length }] of texts.entries()) texted[i + 1] = (texted[i] as number) + length;
  return { text: Buffer.concat(texts), texted };
}

/** The footer of a file on a disk: numbers, then JSON with the lengths of those, then the length of that. */
export function footerBytes(
  head: Head,
  pages: readonly number[],
  texted: Uint32Array,
  groups: readonly number[],
): Buffer<ArrayBuffer> {
  const words = [Uint32Array.from(pages), texted, Uint32Array.from(groups)];
  const json = Buffer.from(JSON.stringify({ ...head, words: words.map(({ length }) => length) }), "utf8");
  const size = Buffer.alloc(wordBytes);
  size.writeUInt32LE(json.length);
  const numbers = words.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
  return Buffer.concat([...numbers, json, size]);
}

/** The opposite of `footerBytes`; `bytes` are those that were written and stand at a multiple of 4 in their memory. */
export function footerOfBytes(bytes: Buffer<ArrayBuffer>, pagedEnd: number): Footer {
  const end = bytes.length - wordBytes;
  const start = end - bytes.readUInt32LE(end);
  const { words, ...head } = JSON.parse(bytes.toString("utf8", start, end)) as Head & { readonly words: readonly number[] };
  let at = bytes.byteOffset;
  const [pages, texted, groups] = words.map((length) => {
    const numbers = new Uint32Array(bytes.buffer, at, length);
    at += length * wordBytes;
    return numbers;
  });
  const none = new Uint32Array(0);
  return {
    ...head,
    pagedEnd,
    pages: pages ?? none,
    texted: texted ?? none,
    groups: groups ?? none,
    blocks: new Array<Block | undefined>(Math.max(0, (texted?.length ?? 0) - 1)),
    pivots: new Map(),
    codedTexts: [],
    cost: start + (end - start) * parsedCost,
  };
}

/** The footer of a file in memory. Of even blocks, which are many small ones, every task of a stage is told: their numbers are not copied for that. */
export function heldFooter(
  head: Head,
  blocks: readonly Block[],
  groups: readonly number[],
): Pick<HeldFile, "footer" | "numbers"> {
  const [first] = blocks;
  if (first === undefined || !blocks.every((block) => areAlike(block, first)))
    return { footer: JSON.stringify({ ...head, blocks, groups } satisfies HeldFooter) };
  const { columns, bounds } = first;
  const even = { schema: first.schema, blocks: blocks.length, buckets: bounds.length - 1, columns };
  const numbers = new SharedArrayBuffer(8 * columns.length * blocks.length + 4 * bounds.length * blocks.length);
  const places = numbersOf(even, numbers);
  for (const [i, block] of blocks.entries()) {
    places.bounds.set(block.bounds, i * bounds.length);
    for (const [k, { values }] of block.columns.entries()) places.positions[i * columns.length + k] = values;
  }
  return { footer: JSON.stringify({ ...head, blocks: [], groups, even } satisfies HeldFooter), numbers };
}

const areAlike = (block: Block, first: Block): boolean =>
  block.schema === first.schema &&
  block.came === undefined &&
  block.bounds.length === first.bounds.length &&
  block.bounds.at(-1) === block.rows &&
  block.columns.every((place, i) => hasWidth(place) && place.valid === null && place.stride === first.columns[i]?.stride);

/** The positions of the columns of each block, then its bounds. */
function numbersOf({ blocks, buckets, columns }: EvenHead, numbers: SharedArrayBuffer) {
  const count = blocks * columns.length;
  return {
    positions: new Float64Array(numbers, 0, count),
    bounds: new Int32Array(numbers, count * 8, blocks * (buckets + 1)),
  };
}

export function footerOfHeld({ footer, numbers }: Pick<HeldFile, "footer" | "numbers">): Footer {
  const { blocks, groups, even, ...head } = JSON.parse(footer) as HeldFooter;
  const none = new Uint32Array(0);
  const common = {
    ...head,
    pagedEnd: head.dataEnd,
    pages: none,
    texted: none,
    groups: Uint32Array.from(groups),
    pivots: new Map(),
    codedTexts: [],
    cost: footer.length * parsedCost,
  };
  if (even === undefined || numbers === undefined) return { ...common, blocks: [...blocks] };
  const schema = required(head.schemas[even.schema], "schema of a block");
  const { columns, buckets } = even;
  const places = numbersOf(even, numbers);
  return {
    ...common,
    blocks: new Array<Block | undefined>(even.blocks),
    even: { schema, number: even.schema, blocks: even.blocks, buckets, columns, ...places },
  };
}

/** A block of those, as one of any others. */
function blockOfEven({ number, buckets, columns, bounds, positions }: EvenBlocks, index: number): Block {
  const own = [...bounds.subarray(index * (buckets + 1), (index + 1) * (buckets + 1))];
  const places = columns.map((place, i) => ({ ...place, values: positions[index * columns.length + i] as number }));
  return { schema: number, rows: own.at(-1) ?? 0, bounds: own, columns: places };
}

/** Not texts of different lengths, no codes, and nothing that was written narrower than it is. */
export const hasWidth = ({ offsets, coded, narrow, stride, valid }: ColumnPlace): boolean =>
  offsets === null && coded === undefined && narrow === undefined && (stride === undefined || valid === null);

/** Block `index`, whose text `read` gives the first time. */
export function blockOf(footer: Footer, index: number, read: (position: number, bytes: number) => Buffer): Block {
  const known = footer.blocks[index];
  if (known !== undefined) return known;
  if (footer.even !== undefined) {
    const made = blockOfEven(footer.even, index);
    footer.blocks[index] = made;
    return made;
  }
  const from = required(footer.texted[index], "block");
  const to = required(footer.texted[index + 1], "block");
  const block = JSON.parse(read(footer.dataEnd + from, to - from).toString("utf8")) as Block;
  footer.blocks[index] = block;
  footer.cost += (to - from) * parsedCost;
  return block;
}

/** What the files that a thread read last said of themselves: one task after another reads the same ones. Paths are those of one run alone. */
const kept = new Map<string, { readonly bytes: number; readonly footer: Footer; readonly counted: number }>();
const mostKeptBytes = 2 ** 24;
let keptBytes = 0;

/** The footer of a file of so many bytes, if it is still known. */
export function keptFooter(path: string, bytes: number): Footer | null {
  const known = kept.get(path);
  return known?.bytes === bytes ? known.footer : null;
}

/** Keeps a footer, and lets go of those that nobody asked for the longest where all together are too large. */
export function keepFooter(path: string, bytes: number, footer: Footer): void {
  forget(path);
  kept.set(path, { bytes, footer, counted: footer.cost });
  keptBytes += footer.cost;
  for (const oldest of kept.keys()) {
    if (keptBytes <= mostKeptBytes) break;
    forget(oldest);
  }
}

function forget(path: string): void {
  keptBytes -= kept.get(path)?.counted ?? 0;
  kept.delete(path);
}
