/** A number as it stands in the text: 64-bit integers and decimals must not pass through a double. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

/** A JSON value whose numbers keep their text. */
export type ExactJson = null | boolean | string | JsonNumber | readonly ExactJson[] | { readonly [key: string]: ExactJson };

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

/** What objects and arrays of `parseExact` are written as. */
const written = new WeakMap<object, string>();

/** Parses strict RFC 8259 text. @throws SyntaxError */
export function parseExact(text: string): ExactJson {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

/** The JSON text of a value of `parseExact`: numbers, objects and arrays as they stood, but for blanks between what these are made of. */
export function exactText(value: ExactJson): string {
  if (value instanceof JsonNumber) return value.text;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return (written.get(value) ?? "").replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, "$1");
}

const quote = 0x22;
const backslash = 0x5c;
const words: ReadonlyMap<number, readonly [word: string, value: boolean | null]> = new Map([
  [0x74, ["true", true]],
  [0x66, ["false", false]],
  [0x6e, ["null", null]],
]);

/** By the codes of characters: a sample is read before anything else can begin. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): ExactJson {
    const c = this.#next();
    if (c === 0x7b) return this.#object(depth);
    if (c === 0x5b) return this.#array(depth);
    if (c === quote) return this.#string();
    const word = words.get(c);
    if (word === undefined) return this.#number();
    if (!this.#text.startsWith(word[0], this.#at)) this.#fail("a value");
    this.#at += word[0].length;
    return word[1];
  }

  end(): void {
    this.#next();
    if (this.#at < this.#text.length) this.#fail("the end of the line");
  }

  #object(depth: number): ExactJson {
    const start = this.#descend(depth);
    const object: { [key: string]: ExactJson } = {};
    if (this.#take(0x7d)) return this.#wrote(object, start);
    do {
      if (this.#next() !== quote) this.#fail("a string");
      const key = this.#string();
      if (!this.#take(0x3a)) this.#fail('":"');
      const value = this.value(depth + 1);
      if (key === "__proto__")
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      else object[key] = value;
    } while (this.#take(0x2c));
    if (!this.#take(0x7d)) this.#fail('"," or "}"');
    return this.#wrote(object, start);
  }

  #array(depth: number): ExactJson {
    const start = this.#descend(depth);
    const items: ExactJson[] = [];
    if (this.#take(0x5d)) return this.#wrote(items, start);
    do items.push(this.value(depth + 1));
    while (this.#take(0x2c));
    if (!this.#take(0x5d)) this.#fail('"," or "]"');
    return this.#wrote(items, start);
  }

  /** Keeps what a value that began at `start` is written as. */
  #wrote<T extends object>(value: T, start: number): T {
    written.set(value, this.#text.slice(start, this.#at));
    return value;
  }

  /** Finds where a string ends; `JSON.parse` judges its escapes. */
  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let end = start;
    let isEscaped = false;
    for (let c = text.charCodeAt(end); c !== quote; c = text.charCodeAt(end)) {
      if (!(c >= 0x20)) this.#fail("a string that ends, without control characters");
      if (c === backslash) isEscaped = true;
      end += c === backslash ? 2 : 1;
    }
    this.#at = end + 1;
    return isEscaped ? (JSON.parse(text.slice(start - 1, end + 1)) as string) : text.slice(start, end);
  }

  #number(): JsonNumber {
    const start = this.#at;
    if (this.#code() === 0x2d) this.#at++;
    if (this.#code() === 0x30) this.#at++;
    else this.#digits(start);
    if (this.#code() === 0x2e) {
      this.#at++;
      this.#digits(start);
    }
    if ((this.#code() | 0x20) === 0x65) {
      this.#at++;
      const sign = this.#code();
      if (sign === 0x2b || sign === 0x2d) this.#at++;
      this.#digits(start);
    }
    return new JsonNumber(this.#text.slice(start, this.#at));
  }

  /** One digit at the least. `start`: where the number begins. */
  #digits(start: number): void {
    const from = this.#at;
    for (let c = this.#code(); c >= 0x30 && c <= 0x39; c = this.#code()) this.#at++;
    if (this.#at > from) return;
    this.#at = start;
    this.#fail("a value");
  }

  /** Answers where the value begins. */
  #descend(depth: number): number {
    if (depth >= maxDepth) throw new SyntaxError(`more than ${maxDepth} levels`);
    return this.#at++;
  }

  /** The character that stands here; NaN at the end. */
  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }

  /** The next character that is no blank. */
  #next(): number {
    let c = this.#code();
    while (c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d) {
      this.#at++;
      c = this.#code();
    }
    return c;
  }

  #take(mark: number): boolean {
    if (this.#next() !== mark) return false;
    this.#at++;
    return true;
  }

  #fail(expected: string): never {
    const found =
      this.#at < this.#text.length ? JSON.stringify(this.#text.slice(this.#at, this.#at + 12)) : "the end of the line";
    throw new SyntaxError(`expected ${expected} at character ${this.#at + 1}, found ${found}`);
  }
}
