import { didYouMean } from "../common/nearest.js";
import type { CallOptions } from "../expr/nodes.js";
import { type DataType, types, type Value } from "../schema/types.js";
import { castCanFail, dateToTimestamp, parseText } from "./cast.js";
import { castSql, sqlText } from "./cast-sql.js";
import { dayOf, dayOfYear, daysOfMicros, isoDayOfWeek, microsOfDay, monthOf, quarterOf, weekOf, yearOf } from "./civil.js";
import type { CallTypes, Resolution, ScalarFunction } from "./definition.js";
import { castFailed, outOfDomain } from "./failure.js";
import { aTime, anInteger, argType, fixed, mismatch, smallInteger, text, type TypeClass, wrongCount } from "./signatures.js";
import { checkReadFormat, checkWriteFormat, timeReader, timeWriter } from "./time-format.js";
import {
  addToDays,
  addToMicros,
  isClockUnit,
  type TimeUnit,
  timeUnits,
  truncateDays,
  truncateMicros,
  unitsBetween,
} from "./time-units.js";

const isDate = (call: CallTypes, i = 0): boolean => argType(call, i).kind === "date";

/** A part that the day alone decides. */
function datePart(name: string, summary: string, sql: string, part: (days: number) => number): ScalarFunction {
  const ofMicros = (micros: bigint): number => part(daysOfMicros(micros));
  return {
    name,
    summary: `${summary} (int32).`,
    resolve: fixed([[aTime, null]], types.int32),
    nulls: "propagate",
    evaluate: ([x], call) => (isDate(call) ? part(x as number) : ofMicros(x as bigint)),
    emit: ([x], call, context) =>
      isDate(call) ? `${context.constant(`${name} days`, part)}(${x})` : `${context.constant(`${name} micros`, ofMicros)}(${x})`,
    sql: ([x]) => `CAST(${sql}(${x}) AS INTEGER)`,
  };
}

/** A part of the time of day; a date is its midnight. */
function clockPart(name: string, summary: string, micros: number, count: number): ScalarFunction {
  const part = (x: bigint): number => Math.floor(microsOfDay(x) / micros) % count;
  return {
    name,
    summary: `${summary} (int32).`,
    resolve: fixed([[aTime, types.timestamp]], types.int32),
    nulls: "propagate",
    evaluate: ([x]) => part(x as bigint),
    emit: ([x], _call, context) => `${context.constant(`${name} micros`, part)}(${x})`,
    sql: ([x]) => `CAST(${name}(${x}) AS INTEGER)`,
  };
}

const unitOf = (options: CallOptions): TimeUnit => options.unit as TimeUnit;

function checkUnit(options: CallOptions): string | null {
  const unit = options.unit;
  if (typeof unit === "string" && (timeUnits as readonly string[]).includes(unit)) return null;
  return `does not know the unit ${JSON.stringify(unit ?? null)}. ${didYouMean(String(unit), timeUnits)}`;
}

/** Within what 64-bit microseconds hold. */
function inRange(micros: bigint): bigint {
  if (BigInt.asIntN(64, micros) !== micros) outOfDomain("the time is out of the range of timestamps");
  return micros;
}

const truncate: ScalarFunction = {
  name: "truncate",
  summary:
    "The start of the year, quarter, month, week (Monday), day, hour, minute or second, by options.unit. A date stays a date.",
  resolve: (args, options) => checkUnit(options) ?? fixed([[aTime, null]], (all) => all[0] as DataType)(args),
  nulls: "propagate",
  fallible: true,
  failsFor: (call) => !isDate(call),
  evaluate([x], call) {
    return isDate(call)
      ? truncateDays(x as number, unitOf(call.options))
      : inRange(truncateMicros(x as bigint, unitOf(call.options)));
  },
  emit([x], call, context) {
    const unit = unitOf(call.options);
    if (isDate(call)) return `${context.constant(`truncate days ${unit}`, (days: number) => truncateDays(days, unit))}(${x})`;
    return `${context.constant(`truncate ${unit}`, (micros: bigint) => inRange(truncateMicros(micros, unit)))}(${x})`;
  },
  sql([x], call) {
    const cut = `date_trunc(${sqlText(unitOf(call.options))}, ${x})`;
    return isDate(call) ? `CAST(${cut} AS DATE)` : cut;
  },
};

/** The day of a sum, checked by going through a timestamp as DuckDB does. */
function laterDay(days: number, count: number, unit: TimeUnit): number {
  const later = addToDays(days, count, unit);
  dateToTimestamp(days);
  dateToTimestamp(later);
  return later;
}

const dateAdd: ScalarFunction = {
  name: "dateAdd",
  summary:
    "So many units later, by options.unit; a month's end stays in its month. A date with a unit shorter than a day gives a timestamp.",
  resolve(args, options): Resolution | string {
    const wrong = checkUnit(options);
    if (wrong !== null) return wrong;
    const resolved = fixed(
      [
        [aTime, isClockUnit(unitOf(options)) ? types.timestamp : null],
        [smallInteger, types.int32],
      ],
      (all) => all[0] as DataType,
    )(args);
    return typeof resolved === "string" && anInteger.has(args[1] ?? types.null) ? `${resolved}; cast it to int32` : resolved;
  },
  nulls: "propagate",
  fallible: true,
  evaluate([x, count], call) {
    const unit = unitOf(call.options);
    return isDate(call) ? laterDay(x as number, count as number, unit) : inRange(addToMicros(x as bigint, count as number, unit));
  },
  sql([x, count], call) {
    const unit = unitOf(call.options);
    const interval = unit === "quarter" ? `to_months(CAST(3 * CAST(${count} AS BIGINT) AS INTEGER))` : `to_${unit}s(${count})`;
    return isDate(call) ? `CAST(${x} + ${interval} AS DATE)` : `(${x} + ${interval})`;
  },
};

const dateDiff: ScalarFunction = {
  name: "dateDiff",
  summary: "Borders of options.unit crossed from the first to the second time (int64); weeks are whole sevens of days.",
  resolve(args, options) {
    const wrong = checkUnit(options);
    if (wrong !== null) return wrong;
    return fixed(
      [
        [aTime, types.timestamp],
        [aTime, types.timestamp],
      ],
      types.int64,
    )(args);
  },
  nulls: "propagate",
  adaptLiterals: true,
  evaluate: ([from, to], { options }) => unitsBetween(from as bigint, to as bigint, unitOf(options)),
  sql([from, to], { options }) {
    const unit = unitOf(options);
    // Whole sevens of days, whatever the time of day.
    if (unit === "week") return `(date_diff('day', ${from}, ${to}) // 7)`;
    return `date_diff(${sqlText(unit)}, ${from}, ${to})`;
  },
};

const aTimeOrText: TypeClass = {
  name: "a date, timestamp or text",
  has: (type) => aTime.has(type) || text.has(type),
  whenNull: types.timestamp,
};

function conversion(name: string, to: DataType, summary: string): ScalarFunction {
  return {
    name,
    summary,
    resolve: fixed([[aTimeOrText, null]], to),
    nulls: "propagate",
    fallible: true,
    failsFor: (call) => castCanFail(argType(call, 0), to),
    evaluate([x], call) {
      const from = argType(call, 0);
      if (from.kind === "utf8") return parseText(x as string, to);
      if (from.kind === to.kind) return x as Value;
      return to.kind === "date" ? daysOfMicros(x as bigint) : dateToTimestamp(x as number);
    },
    emit([x], call, context) {
      const from = argType(call, 0);
      if (from.kind === to.kind) return `${x}`;
      if (from.kind === "utf8") return `${context.constant(`parse ${to.kind}`, (s: string) => parseText(s, to))}(${x})`;
      return to.kind === "date"
        ? `${context.constant("daysOfMicros", daysOfMicros)}(${x})`
        : `${context.constant("dateToTimestamp", dateToTimestamp)}(${x})`;
    },
    sql: ([x], call) => castSql(x as string, argType(call, 0), to, false),
  };
}

const formatOf = (options: CallOptions): string => options.format as string;

function checkFormat(options: CallOptions, check: (format: string) => string | null): string | null {
  return typeof options.format === "string" ? check(options.format) : "expects options.format as text";
}

/** Makes what a format needs once, for as long as the same format keeps coming. */
function perFormat<T>(make: (format: string) => T): (format: string) => T {
  const made = new Map<string, T>();
  return (format) => {
    const known = made.get(format);
    if (known !== undefined) return known;
    const fresh = make(format);
    made.set(format, fresh);
    return fresh;
  };
}

const writerFor = perFormat(timeWriter);
const readerFor = perFormat(timeReader);

const formatDate: ScalarFunction = {
  name: "formatDate",
  summary: "A date or timestamp as text by options.format (%Y %m %d %H %M %S %f …).",
  resolve: (args, options) => checkFormat(options, checkWriteFormat) ?? fixed([[aTime, types.timestamp]], types.utf8)(args),
  nulls: "propagate",
  evaluate: ([x], { options }) => writerFor(formatOf(options))(x as bigint),
  emit: ([x], { options }, context) => `${context.constant(`write ${formatOf(options)}`, timeWriter(formatOf(options)))}(${x})`,
  sql: ([x], { options }) => `strftime(${x}, ${sqlText(formatOf(options))})`,
};

function parser(name: string, returns: DataType, what: string): ScalarFunction {
  const parse = (value: string, format: string): Value => {
    const micros = readerFor(format)(value);
    if (micros === null) throw castFailed(value, returns.kind, `it does not follow ${JSON.stringify(format)}`);
    return returns.kind === "date" ? daysOfMicros(micros) : micros;
  };
  return {
    name,
    summary: `A text read as ${what} by options.format (%Y %m %d %H %M %S %f …).`,
    resolve: (args, options) => checkFormat(options, checkReadFormat) ?? fixed([[text, types.utf8]], returns)(args),
    nulls: "propagate",
    fallible: true,
    evaluate: ([x], { options }) => parse(x as string, formatOf(options)),
    emit([x], { options }, context) {
      const format = formatOf(options);
      return `${context.constant(`${name} ${format}`, (value: string) => parse(value, format))}(${x})`;
    },
    sql([x], { options }) {
      const parsed = `strptime(${x}, ${sqlText(formatOf(options))})`;
      return returns.kind === "date" ? `CAST(${parsed} AS DATE)` : parsed;
    },
  };
}

const epochMs: ScalarFunction = {
  name: "epochMs",
  summary: "Milliseconds since 1970-01-01 (int64), cut towards zero.",
  resolve(args) {
    if (args.length !== 1) return wrongCount("1 argument", args.length);
    const [type] = args as [DataType];
    return aTime.has(type) ? { args: [types.timestamp], returns: types.int64 } : mismatch(aTime.name, type, 0);
  },
  nulls: "propagate",
  evaluate: ([x]) => (x as bigint) / 1000n,
  emit: ([x]) => `(${x} / 1000n)`,
  sql: ([x]) => `epoch_ms(${x})`,
};

export const dateFunctions: readonly ScalarFunction[] = [
  datePart("year", "The year", "year", yearOf),
  datePart("quarter", "The quarter, 1 to 4", "quarter", quarterOf),
  datePart("month", "The month, 1 to 12", "month", monthOf),
  datePart("day", "The day of the month, 1 to 31", "day", dayOf),
  clockPart("hour", "The hour, 0 to 23", 3.6e9, 24),
  clockPart("minute", "The minute, 0 to 59", 6e7, 60),
  clockPart("second", "The second, 0 to 59", 1e6, 60),
  datePart("dayOfWeek", "The day of the week, 1 is Monday and 7 Sunday", "isodow", isoDayOfWeek),
  datePart("dayOfYear", "The day of the year, 1 to 366", "dayofyear", dayOfYear),
  datePart("weekOfYear", "The ISO week, 1 to 53", "weekofyear", weekOf),
  truncate,
  dateAdd,
  dateDiff,
  conversion("toDate", types.date, "The day of a timestamp or text."),
  conversion("toTimestamp", types.timestamp, "Midnight of a date, or the time that a text gives."),
  formatDate,
  parser("parseDate", types.date, "a date"),
  parser("parseTimestamp", types.timestamp, "a timestamp"),
  epochMs,
];
