/**
 * The names of one generated function. Every value reaches the text as a parameter under a name made here; nothing that a user
 * wrote, neither a name nor a literal, ever enters the text.
 */
export class Scope {
  readonly #names: string[] = [];
  readonly #values: unknown[] = [];
  readonly #byKey = new Map<string, string>();
  #next = 0;

  /** The parameter for a value; equal keys share one. */
  constant(key: string, value: unknown): string {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const name = `k${this.#names.length}`;
    this.#names.push(name);
    this.#values.push(value);
    this.#byKey.set(key, name);
    return name;
  }

  /** A parameter for a value that is shared with no other. */
  parameter(value: unknown): string {
    return this.constant(`#${this.#names.length}`, value);
  }

  /** A local name that no other has. */
  fresh(prefix: string): string {
    return `${prefix}${this.#next++}`;
  }

  get names(): readonly string[] {
    return this.#names;
  }

  get values(): readonly unknown[] {
    return this.#values;
  }
}

/** Turns the text of a function body into a function of the named parameters. Injectable, so that tests can look at the text. */
export type Compiler = (names: readonly string[], body: string) => (...values: readonly unknown[]) => unknown;

/** The one place where text becomes code. */
export const compileText: Compiler = (names, body) => new Function(...names, body) as (...values: readonly unknown[]) => unknown;
