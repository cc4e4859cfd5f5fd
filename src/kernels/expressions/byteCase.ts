import { TextSink } from "../../batch/text.js";
import { lowerPoint, upperPoint } from "../../functions/characters.js";
import { sliceEquals, sliceLike, undecided } from "./byteText.js";

/**
 * Capitals and small letters on UTF-8 bytes [start, end) of an array. False, with nothing appended to the sink, where the bytes are no UTF-8; the
 * caller then takes the way over a string.
 */

export const lowerSlice = (sink: TextSink, bytes: Uint8Array, start: number, end: number): boolean =>
  turned(sink, bytes, start, end, 65, small);

export const upperSlice = (sink: TextSink, bytes: Uint8Array, start: number, end: number): boolean =>
  turned(sink, bytes, start, end, 97, capital);

/** One text in the other case. */
const other = new TextSink(1024);

/** Whether the small letters of a slice are the parts of a pattern with anything between them: 1, 0, or `undecided` for bytes that are no UTF-8. */
export function sliceIlike(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): number {
  other.length = 0;
  if (!lowerSlice(other, bytes, start, end)) return undecided;
  return sliceLike(other.bytes, 0, other.length, parts) ? 1 : 0;
}

/** Whether the small letters of a slice are exactly `wanted`, which has no U+FFFD: bytes that are no UTF-8 never are. */
export const lowerEquals = (bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean =>
  turnedEquals(bytes, start, end, wanted, 65, small);

/** Whether its capitals are, likewise. */
export const upperEquals = (bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean =>
  turnedEquals(bytes, start, end, wanted, 97, capital);

/** Each character becomes one: what follows a letter that differs cannot make up for it. */
function turnedEquals(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array, a: number, table: CaseTable): boolean {
  const shared = Math.min(end - start, wanted.length);
  for (let i = 0; i < shared; i++) {
    const c = bytes[start + i] as number;
    if (c > 127) return mappedEquals(bytes, start, end, wanted, table);
    if ((c >= a && c < a + 26 ? c ^ 32 : c) !== wanted[i]) return false;
  }
  return end - start === wanted.length;
}

function mappedEquals(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array, table: CaseTable): boolean {
  other.length = 0;
  return mapSlice(other, bytes, start, end, table) && sliceEquals(other.bytes, 0, other.length, wanted);
}

/** Turns ASCII letters, of which the first is `a`, into those of the other case; any other text is mapped by the table. */
function turned(sink: TextSink, bytes: Uint8Array, start: number, end: number, a: number, table: CaseTable): boolean {
  sink.reserve(end - start);
  const out = sink.bytes;
  let at = sink.length;
  let any = 0;
  for (let i = start; i < end; i++) {
    const c = bytes[i] as number;
    any |= c;
    out[at++] = c >= a && c < a + 26 ? c ^ 32 : c;
  }
  if (any > 127) return mapSlice(sink, bytes, start, end, table);
  sink.length = at;
  return true;
}

/** What each code point becomes, looked up in blocks of 256 that are made when the first of them is met. */
class CaseTable {
  readonly #map: (point: string) => string;
  readonly #blocks: (Int32Array | undefined)[] = [];

  constructor(map: (point: string) => string) {
    this.#map = map;
  }

  of(point: number): number {
    const block = this.#blocks[point >> 8] ?? this.#make(point >> 8);
    return block[point & 255] as number;
  }

  #make(number: number): Int32Array {
    const block = Int32Array.from({ length: 256 }, (_, i) => {
      const point = number * 256 + i;
      return point >= 0xd800 && point < 0xe000 ? point : (this.#map(String.fromCodePoint(point)).codePointAt(0) ?? point);
    });
    this.#blocks[number] = block;
    return block;
  }
}

const small = new CaseTable(lowerPoint);
const capital = new CaseTable(upperPoint);

function mapSlice(sink: TextSink, bytes: Uint8Array, start: number, end: number, table: CaseTable): boolean {
  // No character becomes one of more than twice its bytes.
  sink.reserve((end - start) * 2);
  const out = sink.bytes;
  let at = sink.length;
  for (let i = start; i < end; ) {
    const size = sizeOfPoint(bytes[i] as number);
    const point = i + size > end ? -1 : pointAt(bytes, i, size);
    if (point < 0) return false;
    const mapped = table.of(point);
    i += size;
    if (mapped < 0x80) out[at++] = mapped;
    else if (mapped < 0x800) {
      out[at++] = 0xc0 | (mapped >> 6);
      out[at++] = 0x80 | (mapped & 63);
    } else {
      if (mapped < 0x10000) out[at++] = 0xe0 | (mapped >> 12);
      else {
        out[at++] = 0xf0 | (mapped >> 18);
        out[at++] = 0x80 | ((mapped >> 12) & 63);
      }
      out[at++] = 0x80 | ((mapped >> 6) & 63);
      out[at++] = 0x80 | (mapped & 63);
    }
  }
  sink.length = at;
  return true;
}

export const sizeOfPoint = (first: number): number => (first < 0xe0 ? (first < 0x80 ? 1 : 2) : first < 0xf0 ? 3 : 4);

/** The code point whose bytes begin at `at`; -1 where they are none (RFC 3629, section 4). */
export function pointAt(bytes: Uint8Array, at: number, size: number): number {
  const first = bytes[at] as number;
  if (size === 1) return first;
  const second = (bytes[at + 1] as number) ^ 0x80;
  if (second > 63) return -1;
  if (size === 2) return first < 0xc2 ? -1 : ((first & 31) << 6) | second;
  const third = (bytes[at + 2] as number) ^ 0x80;
  if (third > 63) return -1;
  if (size === 3) {
    const point = ((first & 15) << 12) | (second << 6) | third;
    return point < 0x800 || (point >= 0xd800 && point < 0xe000) ? -1 : point;
  }
  const fourth = (bytes[at + 3] as number) ^ 0x80;
  const point = ((first & 7) << 18) | (second << 12) | (third << 6) | fourth;
  return fourth > 63 || first > 0xf4 || point < 0x10000 || point > 0x10ffff ? -1 : point;
}
