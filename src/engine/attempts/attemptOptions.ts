import { configError } from "../../common/errors.js";
import { didYouMean } from "../../common/nearest.js";
import { defaultRetry, type RetryPolicy } from "./retry.js";

const retryNames = Object.keys(defaultRetry) as readonly (keyof RetryPolicy)[];

/** @throws MillraceError Config/UNKNOWN_OPTION, INVALID_OPTION */
export function retryPolicy(given: Partial<RetryPolicy> | false | undefined): RetryPolicy {
  if (given === false) return { ...defaultRetry, retries: 0 };
  const policy = { ...defaultRetry, ...given };
  for (const name of Object.keys(policy)) {
    if (!(retryNames as readonly string[]).includes(name))
      throw configError("UNKNOWN_OPTION", `retry: unknown option ${JSON.stringify(name)}. ${didYouMean(name, retryNames)}`);
  }
  for (const name of retryNames) {
    const value: unknown = policy[name];
    const [least, whole] = name === "factor" ? [1, false] : [0, name === "retries" || name === "perRun"];
    if (typeof value === "number" && value >= least && value <= 2 ** 31 && (!whole || Number.isInteger(value))) continue;
    const kind = whole ? "a whole number" : "a number";
    throw configError("INVALID_OPTION", `retry.${name}: expected ${kind} of at least ${least}, found ${String(value)}`);
  }
  return policy;
}

export function flag(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw configError("INVALID_OPTION", `${what}: expected true or false, found ${String(value)}`);
}

const timeUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** Milliseconds of a duration such as `"90s"` or a plain number of milliseconds. */
export function durationMs(given: string | number, what: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)\s*$/.exec(String(given));
  const ms = typeof given === "number" ? given : match === null ? 0 : Number(match[1]) * (timeUnits[match[2] ?? ""] ?? 0);
  if (Number.isFinite(ms) && ms > 0) return ms;
  throw configError(
    "INVALID_OPTION",
    `${what}: expected a time such as "90s", "10m" or 5000 (milliseconds), found ${JSON.stringify(given)}`,
  );
}
