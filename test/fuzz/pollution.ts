import type { Random } from "./random.js";

/** A tidy file of known records, and where each stands in it. */
export interface CleanFile {
  readonly text: string;
  /** First byte of each record and the byte behind its content, before its line end. */
  readonly records: readonly { readonly start: number; readonly end: number; readonly values: readonly string[] }[];
}

/** A file with damage, and for each of its bytes the place in the clean file that it comes from; -1 for what was put in. */
export interface PollutedFile {
  readonly text: string;
  readonly from: readonly number[];
  readonly damage: string;
}

/** One byte a character, so that a place in the text is a place in the file. */
export const asciiWords = ["alpha", "Beta", "12", "3.5", "x y", "2024-05-06", "", "gamma-delta", "e", "0", "it's", "a;b"];
const phrases = ['said "no"', "one, two", "first line\nsecond line", "a,b\nc,d,e\nf", '""', "\n", 'tail"', ", ", "5' 6\""];

export interface CleanFileOptions {
  /** 0: none; 1: fields with delimiters and quotes; 2: line ends as well. */
  readonly quoting: 0 | 1 | 2;
  readonly words: readonly string[];
  /** Some fields with line ends hold lines that look like records. */
  readonly prose: boolean;
}

export function cleanFile(random: Random, columns: number, rows: number, { quoting, words, prose }: CleanFileOptions): CleanFile {
  const eol = random.pick(["\n", "\r\n"]);
  const usable = phrases.filter((phrase) => quoting === 2 || !phrase.includes("\n"));
  let text = `${Array.from({ length: columns }, (_, i) => `c${i}`).join(",")}${eol}`;
  const records = Array.from({ length: rows }, (_, row) => {
    const values = Array.from({ length: columns }, (_, i) => {
      if (i === 0) return String(1000 + row);
      if (prose && quoting === 2 && random.chance(0.1)) return proseField(random, columns);
      return quoting > 0 && random.chance(0.25) ? random.pick(usable) : random.pick(words);
    });
    const start = text.length;
    const always = quoting > 0 && random.chance(0.2);
    text += values.map((value) => (always || /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(",");
    const end = text.length;
    text += eol;
    return { start, end, values };
  });
  return { text, records };
}

/** Lines that look like records now and then. */
function proseField(random: Random, columns: number): string {
  const line = (): string =>
    Array.from({ length: 1 + random.below(columns) }, () => random.pick(["w", "some text", "12"])).join(",");
  return Array.from({ length: 2 + random.below(5) }, line).join("\n");
}

/** Damages a file in one place: a quote too many or too few, bytes lost or changed, the end cut off. */
export function pollute(random: Random, clean: CleanFile): PollutedFile {
  const { text } = clean;
  const header = text.indexOf("\n") + 1;
  const at = header + random.below(text.length - header);
  const all = Array.from({ length: text.length }, (_, i) => i);
  const quotes = all.filter((i) => i >= header && text[i] === '"');
  const kind = random.pick([
    "insert quote",
    "insert quote",
    "open field",
    "delete quote",
    "delete byte",
    "flip byte",
    "cut",
    "delete range",
  ]);
  const without = (from: number, to: number): PollutedFile => ({
    text: text.slice(0, from) + text.slice(to),
    from: [...all.slice(0, from), ...all.slice(to)],
    damage: `${kind} at ${from}`,
  });
  const put = (where: number, what: string, length: number): PollutedFile => ({
    text: text.slice(0, where) + what + text.slice(where + length),
    from: [...all.slice(0, where), -1, ...all.slice(where + length)],
    damage: `${kind} at ${where}`,
  });
  switch (kind) {
    case "insert quote":
      return put(at, '"', 0);
    case "open field": {
      const fields = all.filter((i) => i >= header && (text[i - 1] === "," || text[i - 1] === "\n"));
      return put(random.pick([at, ...fields.slice(0, 50)]), '"', 0);
    }
    case "delete quote": {
      const where = quotes.length === 0 ? at : (quotes[random.below(quotes.length)] ?? at);
      return without(where, where + 1);
    }
    case "delete byte":
      return without(at, at + 1);
    case "flip byte":
      return put(at, random.pick(["q", "%", "7", '"']), 1);
    case "cut":
      return without(at, text.length);
    default:
      return without(at, Math.min(text.length, at + 1 + random.below(40)));
  }
}
