import { scalarFunction } from "../../functions/registry.js";
import { civilFromDays } from "../../functions/civil.js";
import { addToDays, clockMicros, isClockUnit, type TimeUnit, truncateDays } from "../../functions/time-units.js";
import { types } from "../../schema/types.js";
import { anyNull, type Call, type Narrow, type Piece, type RowStatements } from "./codegenPiece.js";
import { isExact, narrowPiece, quotientIsExact } from "./codegenRange.js";

const microsecondsPerDay = 86_400_000_000;

/** Functions of a timestamp that its day decides. */
const dayParts: ReadonlySet<string> = new Set(["year", "quarter", "month", "day", "dayOfWeek", "dayOfYear", "weekOfYear"]);

/** Microseconds of a unit and how many of it make the next. */
const clockParts: { readonly [fn: string]: readonly [number, number] } = {
  hour: [3.6e9, 24],
  minute: [6e7, 60],
  second: [1e6, 60],
};

/** Functions of timestamps whose microseconds this batch lets us hold in doubles; null for other calls. */
export function narrowTime(row: RowStatements, call: Call, args: readonly Piece[], a: Narrow, b: Narrow | null): Piece | null {
  const type = call.args[0]?.type;
  if (call.fn === "toTimestamp" && type?.kind === "date") return midnight(row, a, anyNull(args));
  if (type?.kind !== "timestamp" || !quotientIsExact(a, microsecondsPerDay)) return null;
  const isNull = anyNull(args);
  if (call.fn === "toDate") return narrowPiece(row, types.date, dayText(a.text), dayRange(a), isNull);
  if (call.fn === "epochMs") {
    const range = { min: Math.floor(a.min / 1000), max: Math.ceil(a.max / 1000) };
    return narrowPiece(row, call.type, `Math.trunc(${a.text} / 1000) + 0`, range, isNull);
  }
  if (dayParts.has(call.fn)) return dayPart(row, call, a, isNull);
  const clock = clockParts[call.fn];
  if (clock !== undefined) return clockPart(row, call, a, clock, isNull);
  const unit = call.options.unit as TimeUnit;
  if (call.fn === "truncate") return truncated(row, call, a, unit, isNull);
  if (call.fn === "dateAdd" && b !== null) return later(row, call, a, b, unit, isNull);
  if (call.fn === "dateDiff" && b !== null && quotientIsExact(b, microsecondsPerDay))
    return crossed(row, call, a, b, unit, isNull);
  return null;
}

const dayText = (micros: string): string => `Math.floor(${micros} / ${microsecondsPerDay})`;

const dayRange = (a: Narrow) => ({
  min: Math.floor(a.min / microsecondsPerDay),
  max: Math.floor(a.max / microsecondsPerDay),
});

/** A date as the timestamp of its midnight. */
export function midnight(row: RowStatements, days: Narrow, isNull: string | null): Piece | null {
  const range = { min: days.min * microsecondsPerDay, max: days.max * microsecondsPerDay };
  if (!isExact(range.min, range.max)) return null;
  return narrowPiece(row, types.timestamp, `${days.text} * ${microsecondsPerDay}`, range, isNull);
}

/** A timestamp as its day. */
export function dayOfTimestamp(row: RowStatements, a: Narrow, isNull: string | null): Piece | null {
  if (!quotientIsExact(a, microsecondsPerDay)) return null;
  return narrowPiece(row, types.date, dayText(a.text), dayRange(a), isNull);
}

/** A part of a timestamp as that part of its day. */
function dayPart(row: RowStatements, call: Call, a: Narrow, isNull: string | null): Piece | null {
  const definition = scalarFunction(call.fn);
  if (definition.emit === undefined) return null;
  const day = row.name(dayText(a.text));
  const text = definition.emit([day], { args: [types.date], returns: call.type, options: call.options }, row.context);
  return { value: row.name(text), isNull };
}

function clockPart(
  row: RowStatements,
  call: Call,
  a: Narrow,
  [micros, count]: readonly [number, number],
  isNull: string | null,
): Piece {
  const time = row.name(`${a.text} - ${dayText(a.text)} * ${microsecondsPerDay}`);
  const parts = `(Math.floor(${time} / ${micros}) | 0)`;
  const text = call.fn === "hour" ? parts : `${parts} % ${count}`;
  return narrowPiece(row, call.type, text, { min: 0, max: count - 1 }, isNull);
}

function truncated(row: RowStatements, call: Call, a: Narrow, unit: TimeUnit, isNull: string | null): Piece | null {
  const length = unit === "day" ? microsecondsPerDay : Number(clockMicros[unit] ?? 0n);
  // The start of a year or week is less than 366 days earlier.
  const range = { min: a.min - (length === 0 ? 367 * microsecondsPerDay : length), max: a.max };
  if (!isExact(range.min, range.max)) return null;
  if (length !== 0) return narrowPiece(row, call.type, `Math.floor(${a.text} / ${length}) * ${length}`, range, isNull);
  const cut = row.scope.constant(`truncate days ${unit}`, (days: number) => truncateDays(days, unit));
  return narrowPiece(row, call.type, `${cut}(${dayText(a.text)}) * ${microsecondsPerDay}`, range, isNull);
}

function later(row: RowStatements, call: Call, a: Narrow, count: Narrow, unit: TimeUnit, isNull: string | null): Piece | null {
  const length = isClockUnit(unit) ? Number(clockMicros[unit]) : (longest[unit] ?? Number.POSITIVE_INFINITY) * microsecondsPerDay;
  const reach = Math.max(Math.abs(count.min), Math.abs(count.max)) * length;
  const range = { min: a.min - reach, max: a.max + reach };
  if (!isExact(range.min, range.max) || reach > 2 ** 53) return null;
  if (isClockUnit(unit) || unit === "day" || unit === "week") {
    return narrowPiece(row, call.type, `${a.text} + ${count.text} * ${length}`, range, isNull);
  }
  const day = row.name(dayText(a.text));
  const add = row.scope.constant(`add days ${unit}`, (days: number, n: number) => addToDays(days, n, unit) - days);
  return narrowPiece(row, call.type, `${a.text} + ${add}(${day}, ${count.text}) * ${microsecondsPerDay}`, range, isNull);
}

/** The most days that one of a unit takes. */
const longest: { readonly [unit: string]: number } = { year: 367, quarter: 93, month: 32, week: 7, day: 1 };

/** Months since year 0, to count months, quarters and years by. */
function monthNumber(days: number): number {
  const { year, month } = civilFromDays(days);
  return year * 12 + month - 1;
}

function crossed(row: RowStatements, call: Call, a: Narrow, b: Narrow, unit: TimeUnit, isNull: string | null): Piece {
  const length = unit === "day" ? microsecondsPerDay : Number(clockMicros[unit] ?? 0n);
  const far = b.max - a.min;
  const near = b.min - a.max;
  const reach = Math.max(Math.abs(far), Math.abs(near));
  const ends = [row.name(dayText(a.text)), row.name(dayText(b.text))] as const;
  if (length !== 0) {
    const text = `Math.floor(${b.text} / ${length}) - Math.floor(${a.text} / ${length})`;
    const range = { min: -Math.ceil(reach / length) - 1, max: Math.ceil(reach / length) + 1 };
    return narrowPiece(row, call.type, unit === "day" ? `${ends[1]} - ${ends[0]}` : text, range, isNull);
  }
  const range = { min: -(2 ** 31), max: 2 ** 31 };
  if (unit === "week") return narrowPiece(row, call.type, `Math.trunc((${ends[1]} - ${ends[0]}) / 7) + 0`, range, isNull);
  const months = row.scope.constant("monthNumber", monthNumber);
  const [from, to] = [row.name(`${months}(${ends[0]})`), row.name(`${months}(${ends[1]})`)];
  if (unit === "month") return narrowPiece(row, call.type, `${to} - ${from}`, range, isNull);
  // Years are cut downwards, quarters towards year 0, as their definition has it.
  const text =
    unit === "year" ? `Math.floor(${to} / 12) - Math.floor(${from} / 12)` : `Math.trunc(${to} / 3) - Math.trunc(${from} / 3)`;
  return narrowPiece(row, call.type, `${text} + 0`, range, isNull);
}
