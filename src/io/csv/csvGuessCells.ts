import { dateFormatOf } from "./csvGuessDates.js";

type Cells = readonly (string | null)[];

const number = /^[+-]?(?:[0-9]+(?:[.,][0-9]*)?|\.[0-9]+|[0-9]{1,3}(?:[ ,.'][0-9]{3})+(?:[.,][0-9]+)?)(?:e[+-]?[0-9]+)?%?$/i;
const time = /^[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[ap]m)?$/i;
const word = /^[\p{L}\p{N}][\p{L}\p{N} _.\-'’/&()+#]*$/u;
const address = /^(?:[a-z]+:\/\/\S+|[^\s@,;|]+@[^\s@,;|]+\.[a-z]+)$/i;
const money = /^[$€£¥] ?[0-9.,' ]+$|^[0-9.,' ]+ ?[$€£¥]$/;

/** Words that stand for a missing value where the rest of their column is numbers or dates. */
const missing = [
  "NA",
  "N/A",
  "n/a",
  "na",
  "#N/A",
  "NULL",
  "null",
  "Null",
  "None",
  "none",
  "NaN",
  "nan",
  "\\N",
  "-",
  "--",
  "?",
  ".",
];

export const isNumeric = (text: string): boolean => number.test(text) || money.test(text);

const isDate = (text: string): boolean => dateFormatOf([text]) !== null || time.test(text);

function looksLikeValue(cell: string | null): boolean {
  if (cell === null) return true;
  const text = cell.trim();
  if (text === "" || missing.includes(text)) return true;
  return isNumeric(text) || isDate(text) || address.test(text) || word.test(text);
}

/** Share of cells that look like a value of some kind; text that was quoted properly has lost its quotes and may hold anything. */
export function cellShare(records: readonly Cells[], quote: string | null): number {
  let cells = 0;
  let known = 0;
  for (const record of records) {
    for (const cell of record) {
      cells++;
      if (looksLikeValue(cell)) known += 1;
      // A quote that is left over says that it was not read as one.
      else if (cell !== null && !(quote === null && /^["']|["']$/.test(cell))) known += 0.5;
    }
  }
  return cells === 0 ? 0 : Math.max(0.1, known / cells);
}

/** What means null: empty text, and each word that a column of numbers or dates has beside them. The first record may be a header. */
export function nullWords(records: readonly Cells[]): readonly string[] {
  const width = records.reduce((most, record) => Math.max(most, record.length), 0);
  const found = new Set<string>();
  for (let c = 0; c < width; c++) {
    const texts = records.slice(1).flatMap((record) => record[c] ?? []);
    const words = new Set(texts.filter((text) => missing.includes(text)));
    const rest = texts.filter((text) => !words.has(text));
    if (words.size === 0) continue;
    const typed = rest.length > 0 && rest.every((text) => isNumeric(text) || isDate(text));
    for (const name of words) if (typed || name === "\\N") found.add(name);
  }
  return ["", ...[...found].sort()];
}

interface HeaderGuess {
  readonly found: boolean;
  readonly sure: number;
}

/** Whether the first record names the columns: each column votes by whether its first cell is of another kind than the rest. */
export function looksLikeHeader(records: readonly Cells[], nullValues: readonly string[]): HeaderGuess {
  const [first, ...rest] = records;
  if (first === undefined) return { found: true, sure: 0 };
  const names = first.map((cell) => cell ?? "");
  const nameLike = names.every((name) => name !== "" && !isNumeric(name) && !isDate(name) && !nullValues.includes(name));
  const isUnique = new Set(names).size === names.length;
  if (rest.length === 0) return { found: nameLike && isUnique, sure: 0.5 };
  let votes = 0;
  names.forEach((name, c) => {
    const texts = rest.flatMap((record) => record[c] ?? []).filter((text) => text !== "" && !nullValues.includes(text));
    if (texts.length > 0) votes += vote(name, texts);
  });
  const weight = Math.abs(votes) / names.length;
  if (votes === 0) return { found: nameLike && isUnique, sure: 0.55 };
  const found = votes > 0 && isUnique;
  return { found, sure: Math.round(Math.min(0.99, 0.6 + 0.4 * weight) * 100) / 100 };
}

function vote(name: string, texts: readonly string[]): number {
  const typed = (text: string): boolean => isNumeric(text) || isDate(text);
  const share = texts.filter(typed).length / texts.length;
  if (share > 0.9) return typed(name) ? -1 : 1;
  if (typed(name)) return -1;
  if (name === "" || texts.includes(name)) return -0.5;
  const lengths = new Set(texts.map((text) => text.length));
  return lengths.size === 1 && !lengths.has(name.length) && texts.length > 1 ? 0.5 : 0.1;
}
