import { internalError } from "./errors.js";

/** Ends every switch over a union: an unknown kind is a bug that names itself. */
export function assertNever(value: never, what: string): never {
  const kind = (value as { kind?: unknown } | null)?.kind ?? value;
  throw internalError(`unknown ${what}: ${String(kind)}`);
}

/** The defined value, or an internal error that says what was missing. */
export function required<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw internalError(`missing ${what}`);
  return value;
}
