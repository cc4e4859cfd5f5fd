import { writeFileSync } from "node:fs";
import { encodeFooterLike, groupAsRead, magic } from "../../../src/io/parquet/parquetFooter.js";
import { encodePageHeader } from "../../../src/io/parquet/parquetPageHeader.js";
import { binary, i32, i64, list, struct, text } from "../../../src/io/parquet/parquetThrift.js";

/** A part of a schema as the format has it: any group, repeated in any way. */
export interface Node {
  readonly name: string;
  readonly repeats: "required" | "optional" | "repeated";
  /** How the group is marked as a list. */
  readonly list?: "converted" | "logical" | "both";
  /** Number of another `ConvertedType`. */
  readonly converted?: number;
  readonly leaf?: "int32" | "text";
  readonly children?: readonly Node[];
}

/** What a node holds: an array where it is repeated, null where it is optional and absent, an object by its children's names, or a leaf's value. */
export type Held = number | string | null | readonly Held[] | { readonly [name: string]: Held };

/** The place of a value in a leaf, as Dremel has it. */
export interface Slot {
  readonly repeat: number;
  readonly level: number;
  readonly value: number | string | null;
}

interface LeafSlots {
  readonly node: Node;
  readonly path: readonly string[];
  readonly mostRepeat: number;
  readonly mostLevel: number;
  readonly slots: Slot[];
}

export interface NestedOptions {
  /** How many slots the pages of a leaf have, one after the other and again from the first one. */
  readonly pages?: readonly number[];
  /** Changes the slots of the leaf with this number before they are written. */
  readonly change?: (slots: readonly Slot[], leaf: number) => readonly Slot[];
  /** Values are places in a dictionary, where there are any. */
  readonly coded?: boolean;
  /** What the chunks say of how many values they have, beyond the truth. */
  readonly more?: number;
}

const repetitions = { required: 0, optional: 1, repeated: 2 } as const;

function leavesOf(node: Node, above: Omit<LeafSlots, "node" | "slots">): LeafSlots[] {
  const own = {
    path: [...above.path, node.name],
    mostRepeat: above.mostRepeat + (node.repeats === "repeated" ? 1 : 0),
    mostLevel: above.mostLevel + (node.repeats === "required" ? 0 : 1),
  };
  if (node.leaf !== undefined) return [{ node, ...own, slots: [] }];
  return (node.children ?? []).flatMap((child) => leavesOf(child, own));
}

/** Appends a value to the leaves below a node, of which `next` gives one after the other. */
function shred(node: Node, held: Held, repeat: number, level: number, depth: number, next: () => LeafSlots): void {
  const put = (value: Held, again: number, reached: number, inner: number, leaves: () => LeafSlots) => {
    if (node.leaf !== undefined) {
      leaves().slots.push({ repeat: again, level: reached, value: value as number | string | null });
      return;
    }
    const fields = value as { readonly [name: string]: Held } | null;
    for (const child of node.children ?? []) {
      const absent = child.repeats === "repeated" ? [] : null;
      shred(child, fields === null ? absent : (fields[child.name] ?? absent), again, reached, inner, leaves);
    }
  };
  if (node.repeats !== "repeated") {
    put(held, repeat, level + (node.repeats === "optional" && held !== null ? 1 : 0), depth, next);
    return;
  }
  const items = held as readonly Held[];
  if (items.length === 0) put(null, repeat, level, depth + 1, next);
  else {
    const leaves: LeafSlots[] = [];
    for (const [i, item] of items.entries()) {
      let at = 0;
      put(item, i === 0 ? repeat : depth + 1, level + 1, depth + 1, () => {
        if (i === 0) leaves.push(next());
        return leaves[at++] as LeafSlots;
      });
    }
  }
}

/** Numbers in one run each. */
const runs = (values: readonly number[]): Buffer => Buffer.from(values.flatMap((value) => [2, value]));

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function plain(value: number | string): Buffer {
  if (typeof value === "string") return withLength(Buffer.from(value));
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function page(kind: "data" | "dictionary", values: number, encoding: number, parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([encodePageHeader({ kind, values, encoding, stored: bytes.length, raw: bytes.length, crc: null }), bytes]);
}

/** The values of slots, but for those that have none. */
const valuesOf = ({ mostLevel }: LeafSlots, slots: readonly Slot[]): (number | string)[] =>
  slots.flatMap(({ level, value }) => (level === mostLevel && value !== null ? [value] : []));

function dataPage(leaf: LeafSlots, slots: readonly Slot[], words: readonly (number | string)[]): Buffer {
  const values = valuesOf(leaf, slots);
  const places = runs(values.map((value) => words.indexOf(value)));
  return page("data", slots.length, words.length > 0 ? 8 : 0, [
    leaf.mostRepeat > 0 ? withLength(runs(slots.map((slot) => slot.repeat))) : Buffer.alloc(0),
    leaf.mostLevel > 0 ? withLength(runs(slots.map((slot) => slot.level))) : Buffer.alloc(0),
    ...(words.length > 0 ? [Buffer.of(8), places] : values.map(plain)),
  ]);
}

function pagesOf(
  leaf: LeafSlots,
  slots: readonly Slot[],
  words: readonly (number | string)[],
  sizes: readonly number[],
): Buffer[] {
  const pages = words.length > 0 ? [page("dictionary", words.length, 0, words.map(plain))] : [];
  for (let at = 0, n = 0; at < slots.length; n++) {
    const end = at + Math.max(1, sizes[n % sizes.length] ?? slots.length);
    pages.push(dataPage(leaf, slots.slice(at, end), words));
    at = end;
  }
  return pages;
}

const elementsOf = (node: Node): ReturnType<typeof struct>[] => [
  struct({
    1: node.leaf === undefined ? undefined : i32(node.leaf === "int32" ? 1 : 6),
    3: i32(repetitions[node.repeats]),
    4: text(node.name),
    5: node.children === undefined ? undefined : i32(node.children.length),
    6: node.leaf === "text" ? i32(0) : node.list !== undefined && node.list !== "logical" ? i32(3) : convertedOf(node),
    10: node.list !== undefined && node.list !== "converted" ? struct({ 3: struct({}) }) : undefined,
  }),
  ...(node.children ?? []).flatMap(elementsOf),
];

const convertedOf = ({ converted }: Node) => (converted === undefined ? undefined : i32(converted));

/** Writes rows, each with what every column holds, as an uncompressed file of one row group, which is cut into pages anywhere. */
export function writeNested(
  file: string,
  columns: readonly Node[],
  rows: readonly (readonly Held[])[],
  options: NestedOptions = {},
): void {
  const root = { path: [], mostRepeat: 0, mostLevel: 0 };
  const leaves = columns.map((column) => leavesOf(column, root));
  for (const row of rows) {
    for (const [c, column] of columns.entries()) {
      let at = 0;
      shred(column, row[c] as Held, 0, 0, 0, () => (leaves[c] as LeafSlots[])[at++] as LeafSlots);
    }
  }
  const parts: Uint8Array[] = [magic];
  let at = magic.length;
  const chunks = leaves.flat().map((leaf, i) => {
    const slots = options.change?.(leaf.slots, i) ?? leaf.slots;
    const words = options.coded === true ? [...new Set(valuesOf(leaf, slots))] : [];
    const pages = pagesOf(leaf, slots, words, options.pages ?? []);
    const bytes = Buffer.concat(pages);
    const meta = struct({
      1: i32(leaf.node.leaf === "int32" ? 1 : 6),
      2: list([0, 3, 8].map(i32)),
      3: list(leaf.path.map(text)),
      4: i32(0),
      5: i64(slots.length + (options.more ?? 0)),
      6: i64(bytes.length),
      7: i64(bytes.length),
      9: i64(words.length > 0 ? at + (pages[0]?.length ?? 0) : at),
      11: words.length > 0 ? i64(at) : undefined,
    });
    parts.push(bytes);
    at += bytes.length;
    return struct({ 2: i64(0), 3: meta });
  });
  const schema = struct({ 4: binary(Buffer.from("schema")), 5: i32(columns.length) });
  const like = new Map([
    [1, i32(1)],
    [2, list([schema, ...columns.flatMap(elementsOf)])],
  ]);
  const group = struct({ 1: list(chunks), 2: i64(at), 3: i64(rows.length) });
  writeFileSync(file, Buffer.concat([...parts, encodeFooterLike(like, [groupAsRead({ rows: rows.length, meta: group })])]));
}
