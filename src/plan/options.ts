import { planError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import { describe } from "./literal.js";

/** Checks one option's value: the value in its final form, or what was expected. */
type Check<T> = (value: unknown) => { readonly value: T } | { readonly expected: string };

export interface Option<T> {
  readonly check: Check<T>;
  readonly fallback: T;
}

type Options = { readonly [name: string]: Option<unknown> };
export type Filled<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

const option = <T>(fallback: T, expected: string, accepts: (value: unknown) => boolean): Option<T> => ({
  fallback,
  check: (value) => (accepts(value) ? { value: value as T } : { expected }),
});

/** Option kinds; each takes the default. */
export const options = {
  flag: (fallback: boolean) => option(fallback, "true or false", (value) => typeof value === "boolean"),
  text: (fallback: string) => option(fallback, "text", (value) => typeof value === "string"),
  /** Exactly one character of one byte, which is what separators of text files are. */
  character: (fallback: string) => option(fallback, "one ASCII character", isCharacter),
  characterOrNull: <T extends string | null | undefined>(fallback: T) =>
    option<T | string | null>(fallback, "one ASCII character or null", (value) => value === null || isCharacter(value)),
  whole: (fallback: number, least: number) =>
    option(fallback, `a whole number, at least ${least}`, (value) => Number.isSafeInteger(value) && (value as number) >= least),
  oneOf: <const T extends string>(fallback: T, values: readonly T[]): Option<T> => ({
    fallback,
    check: (value) =>
      (values as readonly unknown[]).includes(value)
        ? { value: value as T }
        : { expected: values.map((v) => JSON.stringify(v)).join(" or ") },
  }),
  texts: (fallback: readonly string[]): Option<readonly string[]> => ({
    fallback,
    check: (value) => {
      if (typeof value === "string") return { value: [value] };
      const listed = Array.isArray(value) && value.every((item) => typeof item === "string");
      return listed ? { value: [...value] } : { expected: "text or a list of texts" };
    },
  }),
  /** Checked by the caller. */
  other: <T>(fallback: T): Option<T> => option(fallback, "", () => true),
};

function isCharacter(value: unknown): boolean {
  return typeof value === "string" && value.length === 1 && value.charCodeAt(0) < 128 && value !== "\n" && value !== "\r";
}

/**
 * The options with every default filled in. An option that is undefined counts as left out.
 * @throws MillraceError Plan/UNKNOWN_OPTION with the nearest valid name, Plan/INVALID_OPTION with what was expected.
 */
export function fillOptions<O extends Options>(given: unknown, known: O, where: string): Filled<O> {
  if (given !== undefined && (typeof given !== "object" || given === null || Array.isArray(given))) {
    throw planError("INVALID_OPTION", `${where}: expected an object of options, found ${describe(given)}`);
  }
  const entries = Object.entries((given ?? {}) as { readonly [name: string]: unknown });
  const names = Object.keys(known);
  const filled: { [name: string]: unknown } = Object.fromEntries(
    names.map((name) => [name, (known[name] as Option<unknown>).fallback]),
  );
  for (const [name, value] of entries) {
    const definition = Object.hasOwn(known, name) ? known[name] : undefined;
    if (definition === undefined) {
      const hint = names.length === 0 ? "It takes no options." : didYouMean(name, names);
      throw planError("UNKNOWN_OPTION", `${where}: unknown option ${JSON.stringify(name)}. ${hint}`);
    }
    if (value === undefined) continue;
    const checked = definition.check(value);
    if ("expected" in checked) throw invalidOption(where, name, checked.expected, value);
    filled[name] = checked.value;
  }
  return filled as Filled<O>;
}

export function invalidOption(where: string, name: string, expected: string, found: unknown): Error {
  return planError("INVALID_OPTION", `${where}: option ${JSON.stringify(name)}: expected ${expected}, found ${describe(found)}`);
}

/** One of the given texts. @throws MillraceError Plan/INVALID_OPTION */
export function requireOneOf<const T extends string>(value: unknown, values: readonly T[], where: string, name: string): T {
  if (!(values as readonly unknown[]).includes(value)) {
    throw invalidOption(where, name, values.map((v) => JSON.stringify(v)).join(" or "), value);
  }
  return value as T;
}
