/** How a text file's bytes mean characters. `utf8` is what the scanner reads; the others are turned into it first. */
export type TextEncoding = "utf8" | "utf16le" | "utf16be" | "windows1252" | "latin1";

const names: { readonly [name: string]: TextEncoding } = {
  utf8: "utf8",
  ascii: "utf8",
  usascii: "utf8",
  utf16: "utf16le",
  utf16le: "utf16le",
  utf16be: "utf16be",
  windows1252: "windows1252",
  cp1252: "windows1252",
  latin1: "latin1",
  iso88591: "latin1",
};

/** The names that an error lists. */
export const encodingNames = ["utf-8", "utf-16le", "utf-16be", "windows-1252", "latin1"] as const;

/** The encoding that a name means, in any case and with or without signs; undefined for an unknown name. */
export function encodingOf(name: string): TextEncoding | undefined {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, "");
  return Object.hasOwn(names, plain) ? names[plain] : undefined;
}

/** The encoding after a look at a file's first bytes: a UTF-16 byte order mark decides between the UTFs. */
export function markedEncoding(declared: TextEncoding, first: Uint8Array): TextEncoding {
  if (declared === "windows1252" || declared === "latin1") return declared;
  if (first[0] === 0xff && first[1] === 0xfe) return "utf16le";
  if (first[0] === 0xfe && first[1] === 0xff) return "utf16be";
  return declared;
}

/** What windows-1252 has at 0x80 to 0x9f. Its five free places are control characters, as the WHATWG's Encoding Standard has it. */
const windows = [
  0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f, 0x90,
  0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
];
const windowsByte = new Map(windows.map((code, i) => [code, 0x80 + i]));

/**
 * Stands for the last byte of a UTF-16 text of an odd number of bytes. No UTF-8 text holds it, so that the record is rejected; a
 * surrogate without its partner becomes three bytes that are no UTF-8 either.
 */
const halfUnit = 0xff;

/**
 * Turns an encoding's bytes into UTF-8, piece by piece. Every character keeps its own bytes, so that lengths and bytes of the
 * original can be computed from the result.
 */
export class Transcoder {
  readonly #encoding: Exclude<TextEncoding, "utf8">;
  /** A first half of a UTF-16 unit, or -1. */
  #half = -1;
  /** A high surrogate whose partner may follow, or -1. */
  #high = -1;

  constructor(encoding: Exclude<TextEncoding, "utf8">) {
    this.#encoding = encoding;
  }

  /** Bytes of room that `decode` may need. */
  room(length: number): number {
    return length * 3 + 8;
  }

  /** Writes the characters that `bytes` complete to `out`; answers how many bytes that were. `last`: nothing follows. */
  decode(bytes: Uint8Array, out: Uint8Array, last: boolean): number {
    const isWide = this.#encoding === "utf16le" || this.#encoding === "utf16be";
    return isWide ? this.#decodeWide(bytes, out, last) : this.#decodeBytes(bytes, out);
  }

  /** Bytes of the original that bytes [from, to) of the result came from; both ends stand between characters. */
  lengthOf(text: Uint8Array, from: number, to: number): number {
    let count = 0;
    const unit = this.#encoding === "utf16le" || this.#encoding === "utf16be" ? 2 : 1;
    for (let p = from; p < to; p++) {
      const byte = text[p] as number;
      if (byte === halfUnit) count += 1;
      else if (byte >= 0xf0) count += 2 * unit;
      else if ((byte & 0xc0) !== 0x80) count += unit;
    }
    return count;
  }

  /** The original bytes of a part of the result. */
  encode(text: Uint8Array): Uint8Array {
    const out: number[] = [];
    for (let p = 0; p < text.length; ) {
      const lead = text[p] as number;
      if (lead === halfUnit) {
        out.push(this.#half);
        p++;
        continue;
      }
      const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
      let code = size === 1 ? lead : lead & (0x7f >> size);
      for (let i = 1; i < size; i++) code = (code << 6) | ((text[p + i] as number) & 0x3f);
      this.#encodeOne(code, out);
      p += size;
    }
    return Uint8Array.from(out);
  }

  #encodeOne(code: number, out: number[]): void {
    if (this.#encoding === "latin1") out.push(code);
    else if (this.#encoding === "windows1252") out.push(windowsByte.get(code) ?? code);
    else {
      const units = code < 0x10000 ? [code] : [0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff)];
      for (const unit of units) {
        if (this.#encoding === "utf16le") out.push(unit & 0xff, unit >> 8);
        else out.push(unit >> 8, unit & 0xff);
      }
    }
  }

  #decodeBytes(bytes: Uint8Array, out: Uint8Array): number {
    const isWindows = this.#encoding === "windows1252";
    let o = 0;
    for (const byte of bytes) {
      if (byte < 0x80) out[o++] = byte;
      else o = put(out, o, isWindows && byte < 0xa0 ? (windows[byte - 0x80] as number) : byte);
    }
    return o;
  }

  #decodeWide(bytes: Uint8Array, out: Uint8Array, last: boolean): number {
    const little = this.#encoding === "utf16le";
    let o = 0;
    let half = this.#half;
    let high = this.#high;
    for (const byte of bytes) {
      if (half < 0) {
        half = byte;
        continue;
      }
      const unit = little ? (byte << 8) | half : (half << 8) | byte;
      half = -1;
      if (high >= 0) {
        const first = high;
        high = -1;
        if (unit >= 0xdc00 && unit < 0xe000) {
          o = put(out, o, 0x10000 + ((first - 0xd800) << 10) + (unit - 0xdc00));
          continue;
        }
        o = put(out, o, first);
      }
      if (unit >= 0xd800 && unit < 0xdc00) high = unit;
      else o = put(out, o, unit);
    }
    if (last && high >= 0) {
      o = put(out, o, high);
      high = -1;
    }
    if (last && half >= 0) out[o++] = halfUnit;
    this.#half = half;
    this.#high = high;
    return o;
  }
}

function put(out: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    out[at] = code;
    return at + 1;
  }
  if (code < 0x800) {
    out[at] = 0xc0 | (code >> 6);
    out[at + 1] = 0x80 | (code & 0x3f);
    return at + 2;
  }
  if (code < 0x10000) {
    out[at] = 0xe0 | (code >> 12);
    out[at + 1] = 0x80 | ((code >> 6) & 0x3f);
    out[at + 2] = 0x80 | (code & 0x3f);
    return at + 3;
  }
  out[at] = 0xf0 | (code >> 18);
  out[at + 1] = 0x80 | ((code >> 12) & 0x3f);
  out[at + 2] = 0x80 | ((code >> 6) & 0x3f);
  out[at + 3] = 0x80 | (code & 0x3f);
  return at + 4;
}
