import { TextSink } from "../../batch/text.js";
import { factoryOf } from "./codeCache.js";

/**
 * The names of one generated function. Every value reaches the text as a parameter under a name made here; nothing that a user
 * wrote, neither a name nor a literal, ever enters the text.
 */
export class Scope {
  readonly #values: unknown[] = [];
  readonly #byKey = new Map<string, string>();
  readonly #sinks: TextSink[] = [];
  readonly #opening: string[] = [];
  #next = 0;

  /** The name of a value; equal keys share one. */
  constant(key: string, value: unknown): string {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const name = `k${this.#values.length}`;
    this.#values.push(value);
    this.#byKey.set(key, name);
    return name;
  }

  /** A name for a value that is shared with no other. */
  parameter(value: unknown): string {
    return this.constant(`#${this.#values.length}`, value);
  }

  /** A local name that no other has. */
  fresh(prefix: string): string {
    return `${prefix}${this.#next++}`;
  }

  /** A name for what a text is before the first row of every batch. */
  first(text: string): string {
    const name = this.fresh("f");
    this.#opening.push(`const ${name} = ${text};`);
    return name;
  }

  /** Statements that must stand before the loop, within the generated function. */
  get opening(): string {
    return this.#opening.join("\n");
  }

  /** The name of a sink of its own. */
  sink(): string {
    const sink = new TextSink(1024);
    this.#sinks.push(sink);
    return this.parameter(sink);
  }

  /** What a name made by `sink` stands for. */
  valueOf(name: string): unknown {
    return this.#values[Number(name.slice(1))];
  }

  /** Every sink that was made; each batch begins with them empty. */
  get sinks(): readonly TextSink[] {
    return this.#sinks;
  }

  /** The parameters of the function around the generated one. */
  get names(): readonly string[] {
    return this.#values.map((_, i) => `p${i}`);
  }

  /** Statements that must stand before the generated function: constants, unlike parameters, can be folded into its code. */
  get prologue(): string {
    return this.#values.map((_, i) => `const k${i} = p${i};`).join(" ");
  }

  get values(): readonly unknown[] {
    return this.#values;
  }
}

/** Turns the text of a function body into a function of the named parameters. Injectable, so that tests can look at the text. */
export type Compiler = (names: readonly string[], body: string) => (...values: readonly unknown[]) => unknown;

/** Text to code, kept for the next task that has the same text. */
export const compileText: Compiler = factoryOf;
