/** A number as it stands in the text: 64-bit integers and decimals must not pass through a double. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

/** A JSON value whose numbers keep their text. */
export type ExactJson = null | boolean | string | JsonNumber | readonly ExactJson[] | { readonly [key: string]: ExactJson };

const numberText = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const space = /[ \t\n\r]*/y;
/** Levels of objects and arrays that a text may have. */
export const maxDepth = 1_000;

/** Whether objects and arrays open more than `maxDepth` levels deep. Of a text that is no JSON the answer may be either. */
export function tooDeep(text: string): boolean {
  if (text.length <= maxDepth) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x5b || c === 0x7b) {
      if (++depth > maxDepth) return true;
    } else if (c === 0x5d || c === 0x7d) depth--;
    else if (c === 0x22) {
      i = stringEnd(text, i);
      if (i < 0) return false;
    }
  }
  return false;
}

/** The closing quote of the string that opens at `start`, or -1. */
function stringEnd(text: string, start: number): number {
  for (let from = start + 1; ; ) {
    const end = text.indexOf('"', from);
    if (end < 0) return -1;
    let marks = 0;
    while (text.charCodeAt(end - 1 - marks) === 0x5c) marks++;
    if (marks % 2 === 0) return end;
    from = end + 1;
  }
}

/** Parses strict RFC 8259 text. @throws SyntaxError */
export function parseExact(text: string): ExactJson {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

/** Compact JSON text of an exact value. */
export function exactText(value: ExactJson): string {
  if (value instanceof JsonNumber) return value.text;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(exactText).join(",")}]`;
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}:${exactText(inner)}`)
    .join(",")}}`;
}

const isArray = (value: ExactJson): value is readonly ExactJson[] => Array.isArray(value);

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): ExactJson {
    this.#match(space);
    const c = this.#text[this.#at];
    if (c === "{") return this.#object(depth);
    if (c === "[") return this.#array(depth);
    if (c === '"') return this.#string();
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return new JsonNumber(this.#match(numberText) ?? this.#fail("a value"));
  }

  end(): void {
    this.#match(space);
    if (this.#at < this.#text.length) this.#fail("the end of the line");
  }

  #object(depth: number): ExactJson {
    this.#descend(depth);
    const entries: [string, ExactJson][] = [];
    if (this.#take("}")) return {};
    do {
      this.#match(space);
      const key = this.#string();
      if (!this.#take(":")) this.#fail('":"');
      entries.push([key, this.value(depth + 1)]);
    } while (this.#take(","));
    if (!this.#take("}")) this.#fail('"," or "}"');
    return Object.fromEntries(entries);
  }

  #array(depth: number): ExactJson {
    this.#descend(depth);
    const items: ExactJson[] = [];
    if (this.#take("]")) return items;
    do items.push(this.value(depth + 1));
    while (this.#take(","));
    if (!this.#take("]")) this.#fail('"," or "]"');
    return items;
  }

  /** Finds where a string ends; `JSON.parse` judges what is in it. */
  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') this.#fail("a string");
    let end = start + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === "\\" ? 2 : 1;
    if (end >= this.#text.length) this.#fail("a string that ends");
    this.#at = end + 1;
    return JSON.parse(this.#text.slice(start, end + 1)) as string;
  }

  #descend(depth: number): void {
    if (depth >= maxDepth) throw new SyntaxError(`more than ${maxDepth} levels`);
    this.#at++;
  }

  #take(mark: string): boolean {
    this.#match(space);
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #fail(expected: string): never {
    const found =
      this.#at < this.#text.length ? JSON.stringify(this.#text.slice(this.#at, this.#at + 12)) : "the end of the line";
    throw new SyntaxError(`expected ${expected} at character ${this.#at + 1}, found ${found}`);
  }
}
