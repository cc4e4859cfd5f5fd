import { RowFailure } from "./definition.js";

/** What a value looks like in a message: short, and never a whole document. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** A cast that cannot be made. */
export const castFailed = (value: unknown, type: string, why?: string): RowFailure =>
  new RowFailure("CAST_FAILED", `${shown(value)} cannot be read as ${type}${why === undefined ? "" : `: ${why}`}`);

/** An integer or decimal result that does not fit its type. */
export function overflow(type: string): never {
  throw new RowFailure("INTEGER_OVERFLOW", `the result does not fit ${type}`);
}

/** An argument outside of what a function is defined for. */
export function outOfDomain(message: string): never {
  throw new RowFailure("OUT_OF_DOMAIN", message);
}
