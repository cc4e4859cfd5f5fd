import { assertNever } from "../../common/assert.js";
import { type DataType, type Field, types } from "../../schema/types.js";
import { type ExactJson, JsonNumber, parseExact, tooDeep } from "./jsonText.js";
import { riskyNumber } from "./jsonlExact.js";
import { TypeGuess } from "../text/textInfer.js";

/** A JSON value whose numbers are texts, or values that say enough of them. */
type SampledJson = ExactJson | number | readonly SampledJson[] | { readonly [key: string]: SampledJson };

/** Numbers whose value does not say whether they are written as whole ones, or that a double does not hold for sure. */
const unclear = new RegExp(`[0-9]\\.0+(?![0-9])|${riskyNumber.source}`);

/** A sampled line. What it means is `parseExact`'s; the engine's own parser, which is many times as fast, serves where it makes no difference. @throws SyntaxError */
export function sampledJson(line: string): SampledJson {
  if (tooDeep(line)) throw new SyntaxError("too deep");
  return unclear.test(line) ? parseExact(line) : (JSON.parse(line) as SampledJson);
}

/**
 * Guesses a type from sampled JSON values: bool, int64, float64, date, timestamp, utf8, list or struct; utf8 where kinds are mixed or
 * nothing was seen. Numbers that are texts stay texts.
 */
export class JsonGuess {
  #kinds = new Set<"bool" | "number" | "text" | "list" | "struct">();
  readonly #numbers = new TypeGuess();
  readonly #texts = new TypeGuess();
  #item: JsonGuess | undefined;
  readonly #members = new Map<string, JsonGuess>();

  /** Of numbers that are no `JsonNumber` the value says how they are written; see `sampledJson`. */
  add(value: SampledJson): void {
    if (value === null) return;
    if (typeof value === "boolean") this.#kinds.add("bool");
    else if (typeof value === "string") {
      this.#kinds.add("text");
      this.#texts.add(value);
    } else if (value instanceof JsonNumber) {
      this.#kinds.add("number");
      this.#numbers.add(value.text);
    } else if (typeof value === "number") {
      this.#kinds.add("number");
      this.#numbers.addNumber(Number.isInteger(value));
    } else if (Array.isArray(value)) {
      this.#kinds.add("list");
      this.#item ??= new JsonGuess();
      for (const item of value) this.#item.add(item);
    } else this.#addMembers(value as { readonly [key: string]: SampledJson });
  }

  #addMembers(value: { readonly [key: string]: SampledJson }): void {
    this.#kinds.add("struct");
    for (const [name, inner] of Object.entries(value)) {
      let guess = this.#members.get(name);
      if (guess === undefined) {
        guess = new JsonGuess();
        this.#members.set(name, guess);
      }
      guess.add(inner);
    }
  }

  get type(): DataType {
    const [kind, ...others] = this.#kinds;
    if (kind === undefined || others.length > 0) return types.utf8;
    switch (kind) {
      case "bool":
        return types.bool;
      case "number":
        return this.#numbers.type;
      case "text": {
        const type = this.#texts.type;
        return type.kind === "date" || type.kind === "timestamp" ? type : types.utf8;
      }
      case "list":
        return types.list(this.#item?.type ?? types.utf8);
      case "struct":
        return types.struct([...this.#members].map(([name, guess]): Field => ({ name, type: guess.type, nullable: true })));
      default:
        return assertNever(kind, "JSON kind");
    }
  }
}
