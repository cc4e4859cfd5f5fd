import { encodeIpcFile, encodeIpcStream, schemaMessageOfFile } from "../../batch/ipc.js";
import { dataError } from "../../common/errors.js";
import type { Schema } from "../../schema/types.js";

/** The layout of Arrow IPC files: magic, schema message, messages, end of stream, footer. Blocks say where the messages are. */

export interface ArrowBlock {
  readonly offset: number;
  readonly metadataBytes: number;
  readonly bodyBytes: number;
}

export const arrowMagic = new TextEncoder().encode("ARROW1\0\0");
const magicBytes = 6;
export const endOfStream = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0);
const blockBytes = 24;
/** Places of fields in the flatbuffer tables of the format. */
const footerFields = { dictionaries: 2, recordBatches: 3 } as const;

/** The schema message with which every stream of this schema begins. */
export function schemaMessage(schema: Schema): Uint8Array {
  const stream = encodeIpcStream(schema, []);
  return stream.subarray(0, stream.length - endOfStream.length);
}

/** Where a field of a flatbuffer table stands; null where it is absent. */
function fieldPlace(view: DataView, table: number, field: number): number | null {
  const vtable = table - view.getInt32(table, true);
  const at = 4 + field * 2;
  if (at >= view.getUint16(vtable, true)) return null;
  const offset = view.getUint16(vtable + at, true);
  return offset === 0 ? null : table + offset;
}

function blocksAt(view: DataView, place: number | null): ArrowBlock[] {
  if (place === null) return [];
  const vector = place + view.getUint32(place, true);
  return Array.from({ length: view.getUint32(vector, true) }, (_, i) => {
    const at = vector + 4 + i * blockBytes;
    return {
      offset: Number(view.getBigInt64(at, true)),
      metadataBytes: view.getInt32(at + 8, true),
      bodyBytes: Number(view.getBigInt64(at + 16, true)),
    };
  });
}

/** What the footer of an Arrow file says. */
export interface ArrowFooter {
  /** The schema as the message with which a stream begins. */
  readonly schema: Uint8Array;
  readonly dictionaries: readonly ArrowBlock[];
  readonly batches: readonly ArrowBlock[];
}

/**
 * Reads a file's footer.
 * @throws MillraceError Data/ARROW_UNREADABLE on a cut or damaged file
 */
export function readArrowFooter(file: string, bytes: number, read: (from: number, to: number) => Uint8Array): ArrowFooter {
  const cut = (why: string) =>
    dataError("ARROW_UNREADABLE", `${file} is not a whole Arrow file: ${why}`, { file, hint: "Write or copy the file again." });
  const tail = bytes < 24 ? new Uint8Array(0) : read(bytes - 10, bytes);
  if (Buffer.from(tail.subarray(4)).toString("latin1") !== "ARROW1") throw cut("it does not end with ARROW1");
  const length = new DataView(tail.buffer, tail.byteOffset).getInt32(0, true);
  if (length <= 0 || length > bytes - 10 - arrowMagic.length) throw cut(`its footer claims ${length} bytes`);
  const footer = read(bytes - 10 - length, bytes - 10);
  const view = new DataView(footer.buffer, footer.byteOffset, footer.byteLength);
  try {
    const table = view.getUint32(0, true);
    const dictionaries = blocksAt(view, fieldPlace(view, table, footerFields.dictionaries));
    const batches = blocksAt(view, fieldPlace(view, table, footerFields.recordBatches));
    const bad = [...dictionaries, ...batches].some((b) => b.offset < 8 || b.offset + b.metadataBytes + b.bodyBytes > bytes);
    if (bad) throw new RangeError("a block lies outside of the file");
    return { schema: schemaOf(footer), dictionaries, batches };
  } catch (thrown) {
    throw cut(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** The footer's schema, read from a file of nothing but this footer without its blocks. */
function schemaOf(footer: Uint8Array): Uint8Array {
  const file = new Uint8Array(arrowMagic.length + footer.length + 4 + magicBytes);
  file.set(arrowMagic);
  file.set(footer, arrowMagic.length);
  const view = new DataView(file.buffer, arrowMagic.length);
  for (const field of Object.values(footerFields)) {
    const place = fieldPlace(view, view.getUint32(0, true), field);
    if (place !== null) view.setUint32(place + view.getUint32(place, true), 0, true);
  }
  view.setInt32(footer.length, footer.length, true);
  file.set(arrowMagic.subarray(0, magicBytes), arrowMagic.length + footer.length + 4);
  const message = schemaMessageOfFile(file);
  return message.subarray(0, message.length - endOfStream.length);
}

/** The end of a file with these record batches: end of stream, footer, its length, magic. */
export function arrowFooter(schema: Schema, blocks: readonly ArrowBlock[]): Uint8Array {
  const empty = encodeIpcFile(schema, []);
  const emptyView = new DataView(empty.buffer, empty.byteOffset, empty.byteLength);
  const length = emptyView.getInt32(empty.length - 10, true);
  const old = empty.subarray(empty.length - 10 - length, empty.length - 10);
  // The list of batches is put behind the footer of a file without any, and the footer's field is pointed at it. Its elements need a
  // place that is a multiple of 8.
  const vector = Math.ceil((old.length + 4) / 8) * 8 - 4;
  const footerBytes = vector + 4 + blocks.length * blockBytes;
  const bytes = new Uint8Array(endOfStream.length + footerBytes + 4 + magicBytes);
  bytes.set(endOfStream);
  bytes.set(old, endOfStream.length);
  const view = new DataView(bytes.buffer, endOfStream.length);
  const place = fieldPlace(view, view.getUint32(0, true), footerFields.recordBatches);
  if (place === null) throw dataError("ARROW_UNREADABLE", "an Arrow footer has no list of record batches");
  view.setUint32(place, vector - place, true);
  view.setUint32(vector, blocks.length, true);
  blocks.forEach((block, i) => {
    const at = vector + 4 + i * blockBytes;
    view.setBigInt64(at, BigInt(block.offset), true);
    view.setInt32(at + 8, block.metadataBytes, true);
    view.setBigInt64(at + 16, BigInt(block.bodyBytes), true);
  });
  view.setInt32(footerBytes, footerBytes, true);
  bytes.set(arrowMagic.subarray(0, magicBytes), endOfStream.length + footerBytes + 4);
  return bytes;
}

const messageFields = { header: 2 } as const;
const recordBatchFields = { length: 0 } as const;

/** Rows of a record batch, from its message's metadata (with the 8 bytes before it). */
export function rowsOfMessage(metadata: Uint8Array): number {
  const view = new DataView(metadata.buffer, metadata.byteOffset + 8, metadata.byteLength - 8);
  const header = fieldPlace(view, view.getUint32(0, true), messageFields.header);
  if (header === null) return 0;
  const length = fieldPlace(view, header + view.getUint32(header, true), recordBatchFields.length);
  return length === null ? 0 : Number(view.getBigInt64(length, true));
}

/** Where the one message after the schema stands in a stream of one batch. */
export function messageOf(
  stream: Uint8Array,
  schemaBytes: number,
): { readonly bytes: Uint8Array; readonly metadataBytes: number } {
  const bytes = stream.subarray(schemaBytes, stream.length - endOfStream.length);
  const metadata = new DataView(bytes.buffer, bytes.byteOffset).getInt32(4, true);
  return { bytes, metadataBytes: metadata + 8 };
}
