/** Text by code points, as DuckDB counts it (JavaScript's own methods count UTF-16 units and map whole words). */

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is meant
const asciiOnly = /^[\x00-\x7f]*$/;
export const isAscii = (text: string): boolean => asciiOnly.test(text);

/** Number of code points. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < text.length) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        count--;
        i++;
      }
    }
  }
  return count;
}

/**
 * A part by code points. `start` is 1-based, negative from the end, and 0 is the place before the first; a negative length takes
 * what stands before `start`.
 */
export function substring(text: string, start: number, length: number | null): string {
  const plain = isAscii(text);
  const points = plain ? null : Array.from(text);
  const size = points === null ? text.length : points.length;
  const first = start > 0 ? start - 1 : start < 0 ? size + start : -1;
  const other = length === null ? size : first + length;
  const from = Math.max(0, Math.min(first, other));
  const to = Math.min(size, Math.max(first, other));
  if (from >= to) return "";
  return points === null ? text.slice(from, to) : points.slice(from, to).join("");
}

/** Letters whose one-letter counterpart JavaScript does not give, because it maps to several letters. */
const upperExceptions: ReadonlyMap<string, string> = new Map([
  ["ß", "ẞ"],
  ["ᾳ", "ᾼ"],
  ["ῃ", "ῌ"],
  ["ῳ", "ῼ"],
]);

/** The capital of a code point, where that is one code point. */
export function upperPoint(point: string): string {
  const exception = upperExceptions.get(point);
  if (exception !== undefined) return exception;
  const code = point.codePointAt(0) as number;
  // Greek letters with iota below: the capital with iota beside stands eight places on.
  if (code >= 0x1f80 && code <= 0x1faf) return code % 16 < 8 ? String.fromCodePoint(code + 8) : point;
  const mapped = point.toUpperCase();
  return codePoints(mapped) === 1 ? mapped : point;
}

/** Likewise the small letter. */
export function lowerPoint(point: string): string {
  if (point === "İ") return "i";
  const mapped = point.toLowerCase();
  return codePoints(mapped) === 1 ? mapped : point;
}

function mapPoints(text: string, map: (point: string) => string): string {
  let result = "";
  for (const point of text) result += map(point);
  return result;
}

/** Capitals, letter by letter. */
export const upper = (text: string): string => (isAscii(text) ? text.toUpperCase() : mapPoints(text, upperPoint));

/** Small letters, letter by letter. */
export const lower = (text: string): string => (isAscii(text) ? text.toLowerCase() : mapPoints(text, lowerPoint));

/** No character of these goes with a neighbour: Latin but for carriage returns, Greek, Cyrillic, kana, Han. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is meant
const standAlone = /^[\0-\f\x0e-\u02ff\u0370-\u0482\u048a-\u052f\u3041-\u3096\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff]*$/;

let segmenter: Intl.Segmenter | null = null;

/** Made at its first use: it reads tables of the system that take longer than the rest of a worker's start. */
const graphemes = (): Intl.Segmenter => (segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" }));

/** Backwards, with what a reader sees as one character kept whole. */
export function reverse(text: string): string {
  if (isAscii(text)) return text.split("").reverse().join("");
  if (standAlone.test(text)) return Array.from(text).reverse().join("");
  const parts: string[] = [];
  for (const { segment } of graphemes().segment(text)) parts.push(segment);
  return parts.reverse().join("");
}

/** Filled up with `fill` in front (or behind) to a number of code points, or cut to it from the right. */
export function padTo(text: string, size: number, fill: string, behind: boolean): string {
  if (size <= 0) return "";
  const points = Array.from(text);
  if (points.length >= size) return points.slice(0, size).join("");
  const pattern = Array.from(fill);
  let filling = "";
  for (let i = 0; i < size - points.length; i++) filling += pattern[i % pattern.length] as string;
  return behind ? text + filling : filling + text;
}

/** Whether a text matches a LIKE pattern: `%` is any run, `_` any one code point, nothing escapes them. */
export function like(text: string, pattern: string): boolean {
  const [t, p] = isAscii(text) && isAscii(pattern) ? [text, pattern] : [Array.from(text), Array.from(pattern)];
  let i = 0;
  let j = 0;
  let star = -1;
  let mark = 0;
  while (i < t.length) {
    if (j < p.length && p[j] === "%") {
      star = j++;
      mark = i;
    } else if (j < p.length && (p[j] === "_" || p[j] === t[i])) {
      i++;
      j++;
    } else if (star >= 0) {
      j = star + 1;
      i = ++mark;
    } else return false;
  }
  while (j < p.length && p[j] === "%") j++;
  return j === p.length;
}
