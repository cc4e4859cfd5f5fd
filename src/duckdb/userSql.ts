/** A user's SELECT without the semicolons and blanks at its end. */
export const trimStatement = (text: string): string => text.replace(/[;\s]+$/, "");

interface Word {
  readonly text: string;
  readonly at: number;
}

/** Where the ORDER BY of a query's outermost level stands: after its terms (where further ones may be added), and whether it is ORDER BY ALL. */
export interface OuterOrder {
  readonly end: number;
  readonly all: boolean;
}

/** The ORDER BY of the outermost level, or null. Texts, comments, quoted names and everything in brackets are skipped. */
export function outerOrder(text: string): OuterOrder | null {
  const words = outerWords(text);
  for (let i = words.length - 2; i >= 0; i--) {
    if (words[i]?.text !== "order" || words[i + 1]?.text !== "by") continue;
    const after = words.slice(i + 2);
    const stop = after.find((word) => word.text === "limit" || word.text === "offset");
    const end = stop === undefined ? codeEnd(text) : codeEnd(text.slice(0, stop.at));
    return { end, all: after[0]?.text === "all" };
  }
  return null;
}

/**
 * The query with its outermost ORDER BY made total: rows that its terms leave equal are ordered by all `columns` output columns. A query
 * without one, and ORDER BY ALL, stay as they are.
 */
export function withTotalOrder(text: string, columns: number): string {
  const order = outerOrder(text);
  if (order === null || order.all) return text;
  const terms = Array.from({ length: columns }, (_, i) => i + 1).join(", ");
  return `${text.slice(0, order.end)}, ${terms} ${text.slice(order.end)}`;
}

const skipped = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$([A-Za-z_]*)\$[\s\S]*?\$\1\$/y;

/** The words at bracket depth zero, in lower case. */
function outerWords(text: string): Word[] {
  const words: Word[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const end = endOfToken(text, at);
    const token = text.slice(at, end);
    if (/^[([{]$/.test(token)) depth++;
    else if (/^[)\]}]$/.test(token)) depth--;
    else if (depth === 0 && /^[A-Za-z_]/.test(token)) words.push({ text: token.toLowerCase(), at });
    at = end;
  }
  return words;
}

function endOfToken(text: string, at: number): number {
  skipped.lastIndex = at;
  if (skipped.test(text)) return skipped.lastIndex;
  const word = /[A-Za-z_][A-Za-z_0-9$]*/y;
  word.lastIndex = at;
  return word.test(text) ? word.lastIndex : at + 1;
}

/** The end of the last token that is neither blank nor comment. */
function codeEnd(text: string): number {
  let last = 0;
  for (let at = 0; at < text.length; ) {
    const end = endOfToken(text, at);
    const token = text.slice(at, end);
    if (!/^(\s|--|\/\*)/.test(token)) last = end;
    at = end;
  }
  return last;
}
