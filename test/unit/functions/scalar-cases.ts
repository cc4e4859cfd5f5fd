import type { CallOptions, LiteralValue } from "../../../src/expr/nodes.js";
import { type DataType, types, type Value } from "../../../src/schema/types.js";
import { flatTypes } from "./values.js";

export interface ScalarCase {
  readonly fn: string;
  /** Types of column arguments; the rows are combinations of interesting values unless given. */
  readonly types: readonly DataType[];
  /** Literal arguments after the columns. */
  readonly literals?: readonly LiteralValue[];
  readonly options?: CallOptions;
  readonly rows?: readonly (readonly Value[])[];
  /** The last digits of a double may differ (different mathematics libraries). */
  readonly loose?: boolean;
}

const { bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, utf8, date, timestamp, binary } = types;
const d52 = types.decimal(5, 2);
const d184 = types.decimal(18, 4);
const d3810 = types.decimal(38, 10);
const numbers: readonly DataType[] = [
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float32,
  float64,
  d52,
  d184,
  d3810,
];
const times = [date, timestamp];
const units = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"];

const each = (fn: string, all: readonly (readonly DataType[])[], more: Partial<ScalarCase> = {}): ScalarCase[] =>
  all.map((columns) => ({ fn, types: columns, ...more }));
const texts = (values: readonly (string | null)[]): Value[][] => values.map((value) => [value]);

const pairs: readonly (readonly DataType[])[] = [
  ...numbers.map((type) => [type, type] as const),
  [int8, int16],
  [int32, int64],
  [uint8, int8],
  [uint32, int32],
  [int32, float32],
  [int64, float64],
  [d52, int32],
  [d52, d184],
  [d184, d3810],
  [d52, float64],
];
const integerPairs = pairs.filter((pair) => pair.every((type) => /int/.test(type.kind)));
const comparable: readonly (readonly DataType[])[] = [
  ...flatTypes.map((type) => [type, type] as const),
  ...pairs,
  [uint64, int64],
  [date, timestamp],
  [binary, binary],
];

const patterns = [
  "b",
  "^a",
  "c$",
  ".",
  "(a)(b)?",
  "[^a-c]+",
  "\\d+",
  "\\w+\\s*",
  "a|b*",
  "(?i)ABC",
  "\\p{L}{2,}",
  "x*",
  "\\bb",
  "[[:upper:]]",
  "\\x{e9}",
];

const arithmetic: ScalarCase[] = [
  ...["add", "sub"].flatMap((fn) => each(fn, pairs)),
  ...each(
    "mul",
    pairs.filter((pair) => !pair.includes(d3810) || pair.includes(d184)),
  ),
  ...each("div", integerPairs),
  ...each("divide", pairs),
  ...each("mod", pairs),
  ...["neg", "abs", "sign", "floor", "ceil", "round"].flatMap((fn) =>
    each(
      fn,
      numbers.map((type) => [type]),
    ),
  ),
  ...[2, 1, 0, -1, -2].flatMap((digits) =>
    each(
      "round",
      numbers.map((type) => [type]),
      { literals: [digits] },
    ),
  ),
  ...["sqrt", "exp", "ln", "log10"].flatMap((fn) => each(fn, [[float64], [int32], [d52]], { loose: true })),
  ...each(
    "power",
    [
      [float64, float64],
      [int32, int32],
    ],
    { loose: true },
  ),
  ...["isNaN", "isFinite"].flatMap((fn) => each(fn, [[float32], [float64], [int32]])),
  { fn: "add", types: [int8], literals: [1] },
  { fn: "mul", types: [d52], literals: [0.9] },
  { fn: "sub", types: [uint8], literals: [300] },
];

const comparing: ScalarCase[] = [
  ...["eq", "ne", "lt", "lte", "gt", "gte"].flatMap((fn) => each(fn, comparable)),
  ...each("between", [
    [int32, int32, int32],
    [float64, float64, float64],
    [utf8, utf8, utf8],
    [date, timestamp, date],
  ]),
  ...each("in", [[int32, int32, int32], [float64, float64, float32], [utf8, utf8], [int64]]),
  { fn: "in", types: [int32], literals: [1, null, 3] },
  { fn: "in", types: [utf8], literals: ["a", "👍\uFF5Ax"] },
  { fn: "gte", types: [date], literals: ["2024-02-29"] },
  { fn: "lt", types: [date], literals: ["2024-02-29 10:00"] },
  { fn: "eq", types: [timestamp], literals: ["1970-01-01"] },
  { fn: "gt", types: [d52], literals: [0.5] },
  ...["and", "or"].flatMap((fn) =>
    each(fn, [
      [bool, bool],
      [bool, bool, bool],
    ]),
  ),
  ...each("not", [[bool]]),
  ...["isNull", "isNotNull"].flatMap((fn) =>
    each(
      fn,
      flatTypes.map((type) => [type]),
    ),
  ),
  ...["coalesce", "nullIf", "greatest", "least"].flatMap((fn) => each(fn, comparable)),
  ...["coalesce", "greatest", "least"].flatMap((fn) =>
    each(fn, [
      [int32, int64, int8],
      [utf8, utf8, utf8],
    ]),
  ),
];

const words: ScalarCase[] = [
  ...["lower", "upper", "trim", "ltrim", "rtrim", "length", "reverse", "md5", "sha256", "hash64"].flatMap((fn) =>
    each(fn, [[utf8]]),
  ),
  ...["md5", "sha256", "hash64"].flatMap((fn) => each(fn, [[binary]])),
  ...["startsWith", "endsWith", "contains", "like", "ilike"].flatMap((fn) => each(fn, [[utf8, utf8]])),
  ...["%a%", "a_c", "_", "", "%", "l1_l2", "%👍_x"].flatMap((p) =>
    ["like", "ilike"].flatMap((fn) => each(fn, [[utf8]], { literals: [p] })),
  ),
  ...each("concat", [[utf8], [utf8, utf8], [utf8, utf8, utf8]]),
  ...[-9, -3, -1, 0, 1, 2, 9].flatMap((start) => each("substring", [[utf8]], { literals: [start] })),
  ...[-9, -3, 0, 1, 2, 9].flatMap((start) =>
    [-2, 0, 1, 4].flatMap((length) => each("substring", [[utf8]], { literals: [start, length] })),
  ),
  ...[
    ["a", "bb"],
    ["", "x"],
    ["👍", ""],
    [",", ";"],
  ].flatMap((literals) => each("replace", [[utf8]], { literals })),
  ...[-4, -1, 0, 1, 2, 5].flatMap((index) =>
    [",", "", "👍"].flatMap((s) => each("splitPart", [[utf8]], { literals: [s, index] })),
  ),
  ...["lpad", "rpad"].flatMap((fn) =>
    [-1, 0, 2, 6].flatMap((n) => ["xy", "👍", ""].flatMap((fill) => each(fn, [[utf8]], { literals: [n, fill] }))),
  ),
  ...[-1, 0, 1, 3].flatMap((count) => each("repeat", [[utf8]], { literals: [count] })),
  ...patterns.flatMap((pattern) => [
    ...each("regexpMatches", [[utf8]], { literals: [pattern] }),
    ...each("regexpMatches", [[utf8]], { literals: [pattern], options: { flags: "is" } }),
    ...each("regexpExtract", [[utf8]], { literals: [pattern] }),
    ...each("regexpReplace", [[utf8]], { literals: [pattern, "[\\0\\\\]"] }),
    ...each("regexpReplace", [[utf8]], { literals: [pattern, "-"], options: { flags: "g" } }),
  ]),
  ...[0, 1, 2].flatMap((group) => each("regexpExtract", [[utf8]], { literals: ["(a)(b)?", group] })),
];

const readable = [
  null,
  "2024-02-29",
  " 2024-2-9 ",
  "2023-02-29",
  "",
  "x",
  "2024-02-29 23:59:58.25",
  "29/Feb/24 11:05 pm",
  "29/Feb/70 12:05 AM",
  "60",
  "2024 060",
  "20240229",
  "2024-02-29x",
  "0000-01-01",
];
const dates: ScalarCase[] = [
  ...["year", "quarter", "month", "day", "dayOfWeek", "dayOfYear", "weekOfYear", "hour", "minute", "second", "epochMs"].flatMap(
    (fn) =>
      each(
        fn,
        times.map((type) => [type]),
      ),
  ),
  ...units.flatMap((unit) =>
    each(
      "truncate",
      times.map((type) => [type]),
      { options: { unit } },
    ),
  ),
  ...units.flatMap((unit) =>
    [1, -13, 0, 100000000].flatMap((n) =>
      each(
        "dateAdd",
        times.map((type) => [type]),
        { literals: [n], options: { unit } },
      ),
    ),
  ),
  ...units.flatMap((unit) =>
    each(
      "dateDiff",
      [
        [date, date],
        [timestamp, timestamp],
        [date, timestamp],
      ],
      { options: { unit } },
    ),
  ),
  ...["toDate", "toTimestamp"].flatMap((fn) => each(fn, [[date], [timestamp]])),
  ...["toDate", "toTimestamp"].flatMap((fn) =>
    each(fn, [[utf8]], { rows: texts(["2024-01-05", "2024-01-05 10:11", "x", null]) }),
  ),
  ...["%Y-%m-%d %H:%M:%S.%f", "%a %A %w %u %-d %b %B %-m %y %-y", "%-H %I %-I %p %-M %-S %g %n", "%j %-j %U %W %V 100%%"].flatMap(
    (format) =>
      each(
        "formatDate",
        times.map((type) => [type]),
        { options: { format } },
      ),
  ),
  ...["%Y-%m-%d", "%Y-%m-%d %H:%M:%S.%f", "%d/%b/%y %I:%M %p", "%S", "%Y %j", "%Y%m%d", "%Y-%-m-%-d"].flatMap((format) =>
    ["parseDate", "parseTimestamp"].flatMap((fn) => each(fn, [[utf8]], { options: { format }, rows: texts(readable) })),
  ),
];

// DuckDB writes the ISO year of years before 1 wrongly.
dates.push({
  fn: "formatDate",
  types: [date],
  options: { format: "%G-%V" },
  rows: [[0], [-1], [19782], [19720], [11016], [20088], [null]],
});

const struct = types.struct([
  { name: "a", type: int32, nullable: true },
  { name: "b c", type: utf8, nullable: true },
]);
const nested: ScalarCase[] = [
  ...each("field", [[struct]], { options: { name: "a" } }),
  ...each("field", [[struct]], { options: { name: "b c" } }),
  ...each("listLength", [[types.list(int32)], [types.list(utf8)]]),
  ...[-1, 0, 1, 2, 9].flatMap((place) => each("listGet", [[types.list(int32)], [types.list(utf8)]], { literals: [place] })),
];

export const scalarCases: readonly ScalarCase[] = [...arithmetic, ...comparing, ...words, ...dates, ...nested];
