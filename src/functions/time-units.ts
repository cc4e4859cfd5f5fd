import { addMonths, civilFromDays, daysFromCivil, daysOfMicros, microsOfDays, mondayOf } from "./civil.js";

/** Units of dates and times, from the longest. */
export const timeUnits = [
  "year",
  "quarter",
  "month",
  "week",
  "day",
  "hour",
  "minute",
  "second",
  "millisecond",
  "microsecond",
] as const;
export type TimeUnit = (typeof timeUnits)[number];

/** Lengths in microseconds of the units that divide a day. */
export const clockMicros: { readonly [unit: string]: bigint } = {
  hour: 3_600_000_000n,
  minute: 60_000_000n,
  second: 1_000_000n,
  millisecond: 1000n,
  microsecond: 1n,
};

const monthsIn: { readonly [unit: string]: number } = { year: 12, quarter: 3, month: 1 };
const daysIn: { readonly [unit: string]: number } = { week: 7, day: 1 };

export const isClockUnit = (unit: TimeUnit): boolean => Object.hasOwn(clockMicros, unit);

const floorDiv = (a: bigint, b: bigint): bigint => {
  const quotient = a / b;
  return a < 0n && quotient * b !== a ? quotient - 1n : quotient;
};

/** The first day of the unit (day or longer) in which a day lies. */
export function truncateDays(days: number, unit: TimeUnit): number {
  const { year, month } = civilFromDays(days);
  switch (unit) {
    case "year":
      return daysFromCivil(year, 1, 1);
    case "quarter":
      return daysFromCivil(year, month - ((month - 1) % 3), 1);
    case "month":
      return daysFromCivil(year, month, 1);
    case "week":
      return mondayOf(days);
    default:
      return days;
  }
}

export function truncateMicros(micros: bigint, unit: TimeUnit): bigint {
  const length = clockMicros[unit];
  if (length === undefined) return microsOfDays(truncateDays(daysOfMicros(micros), unit));
  return floorDiv(micros, length) * length;
}

/** So many units (day or longer) later. */
export function addToDays(days: number, count: number, unit: TimeUnit): number {
  const months = monthsIn[unit];
  return months === undefined ? days + count * (daysIn[unit] ?? 0) : addMonths(days, count * months);
}

export function addToMicros(micros: bigint, count: number, unit: TimeUnit): bigint {
  const length = clockMicros[unit];
  if (length !== undefined) return micros + BigInt(count) * length;
  const days = daysOfMicros(micros);
  return micros + microsOfDays(addToDays(days, count, unit) - days);
}

/** Units between two timestamps: borders crossed from the first to the second; weeks are whole sevens of days. */
export function unitsBetween(from: bigint, to: bigint, unit: TimeUnit): bigint {
  const length = clockMicros[unit];
  if (length !== undefined) return floorDiv(to, length) - floorDiv(from, length);
  const [a, b] = [daysOfMicros(from), daysOfMicros(to)];
  if (unit === "day") return BigInt(b - a);
  if (unit === "week") return BigInt(Math.trunc((b - a) / 7));
  const [x, y] = [civilFromDays(a), civilFromDays(b)];
  if (unit === "year") return BigInt(y.year - x.year);
  if (unit === "month") return BigInt((y.year - x.year) * 12 + y.month - x.month);
  const quarter = (civil: { year: number; month: number }) => Math.trunc((civil.year * 12 + civil.month - 1) / 3);
  return BigInt(quarter(y) - quarter(x));
}
