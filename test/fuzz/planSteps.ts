import {
  argMax,
  argMin,
  avg,
  boolAnd,
  boolOr,
  col,
  count,
  countDistinct,
  denseRank,
  desc,
  lag,
  lead,
  max,
  median,
  min,
  quantile,
  rank,
  rowNumber,
  stddev,
  sum,
  udf,
  variancePop,
} from "millrace";
import type { DuckDBConnection } from "@duckdb/node-api";
import { expression } from "./planExpressions.js";
import { quoted, randomTable, type TestColumn, type TestType, testTypes, type Twin } from "./planTables.js";
import type { Random } from "./random.js";

/** Adds one step to a plan and to its SQL; null where the columns at hand do not allow it. */
type Step = (input: Twin, random: Random, other: Twin, fresh: (prefix: string) => string) => Twin | null;

const one = (random: Random, columns: readonly TestColumn[]): TestColumn =>
  random.pick(columns as readonly [TestColumn, ...TestColumn[]]);
const ofType = (columns: readonly TestColumn[], ...wanted: TestType[]) => columns.filter(({ type }) => wanted.includes(type));
const after = (input: Twin, log: string, changed: Partial<Twin>): Twin => ({
  ...input,
  order: null,
  ...changed,
  log: [...input.log, log],
});

const filter: Step = (input, random) => {
  const { value, sql } = expression("bool", input.columns, random);
  return after(input, `filter ${sql}`, {
    rows: input.rows.filter(value as never),
    sql: `SELECT * FROM (${input.sql}) WHERE ${sql}`,
  });
};

const compute: Step = (input, random, _other, fresh) => {
  const added = Array.from({ length: 1 + random.below(3) }, () => {
    const type = random.pick(testTypes);
    return { name: fresh("made"), type, ...expression(type, input.columns, random, 3) };
  });
  const selected = added.map(({ name, sql }) => `${sql} AS ${name}`).join(", ");
  return after(input, `withColumns ${selected}`, {
    rows: input.rows.withColumns(() => Object.fromEntries(added.map(({ name, value }) => [name, value]))) as never,
    sql: `SELECT *, ${selected} FROM (${input.sql})`,
    columns: [...input.columns, ...added.map(({ name, type }) => ({ name, type }))],
  });
};

/** A function sees null as null, which JavaScript counts as 0. */
const userFunction: Step = (input, random, _other, fresh) => {
  const numbers = ofType(input.columns, "int32", "float64");
  if (numbers.length === 0) return null;
  const [a, b] = [one(random, numbers), one(random, numbers)];
  const larger = udf((x: number, y: number) => (x > y ? x * 2 : y + 1), { returns: "float64" });
  const name = fresh("function");
  const [x, y] = [a, b].map((column) => `coalesce(${quoted(column.name)}, 0)::DOUBLE`) as [string, string];
  return after(input, `udf(${a.name}, ${b.name})`, {
    rows: input.rows.withColumns(() => ({ [name]: larger(col(a.name), col(b.name)) })),
    sql: `SELECT *, CASE WHEN ${x} > ${y} THEN ${x} * 2 ELSE ${y} + 1 END AS ${name} FROM (${input.sql})`,
    columns: [...input.columns, { name, type: "float64" }],
  });
};

/** A function of text: null is null for JavaScript, too. */
const textFunction: Step = (input, random, _other, fresh) => {
  const texts = ofType(input.columns, "utf8");
  if (texts.length === 0) return null;
  const column = one(random, texts);
  const tagged = udf((text: string | null) => (text === null ? "none" : `<${text}>`), { returns: "utf8" });
  const name = fresh("tagged");
  return after(input, `udf(${column.name})`, {
    rows: input.rows.withColumns(() => ({ [name]: tagged(col(column.name)) })) as never,
    sql: `SELECT *, coalesce('<' || ${quoted(column.name)} || '>', 'none') AS ${name} FROM (${input.sql})`,
    columns: [...input.columns, { name, type: "utf8" }],
  });
};

type Aggregate = readonly [value: ReturnType<typeof count>, sql: string, type: TestType];

function aggregate(columns: readonly TestColumn[], random: Random): Aggregate {
  const any = one(random, columns);
  const sql = quoted(any.name);
  const numbers = ofType(columns, "int32", "float64");
  const choices: [() => Aggregate, ...(() => Aggregate)[]] = [
    () => [count(), "count(*)", "int64"],
    () => [count(col(any.name)), `count(${sql})`, "int64"],
    () => [countDistinct(col(any.name)) as never, `count(DISTINCT ${sql})`, "int64"],
    () => [min(col(any.name)) as never, `min(${sql})`, any.type],
    () => [max(col(any.name)) as never, `max(${sql})`, any.type],
  ];
  const bool = expression("bool", columns, random, 1);
  choices.push(
    () => [boolAnd(bool.value as never) as never, `bool_and(${bool.sql})`, "bool"],
    () => [boolOr(bool.value as never) as never, `bool_or(${bool.sql})`, "bool"],
  );
  // Only an order without ties has one right answer.
  if (columns[0]?.name === "id") {
    choices.push(
      () => [argMin(col(any.name), col("id")) as never, `arg_min(${sql}, id)`, any.type],
      () => [argMax(col(any.name), col("id")) as never, `arg_max(${sql}, id)`, any.type],
    );
  }
  const type = random.pick(["int32", "utf8", "date", "decimal(12,2)"] as const);
  const { value, sql: computed } = expression(type, columns, random, 1);
  choices.push(() => [max(value as never) as never, `max(${computed})`, type]);
  if (numbers.length > 0) {
    const number = one(random, numbers);
    const double = col(number.name).cast("float64");
    const text = `${quoted(number.name)}::DOUBLE`;
    choices.push(
      () => [sum(double) as never, `sum(${text})`, "float64"],
      () => [avg(double) as never, `avg(${text})`, "float64"],
      () => [median(double) as never, `median(${text})`, "float64"],
      () => [stddev(double) as never, `stddev(${text})`, "float64"],
      () => [variancePop(double) as never, `var_pop(${text})`, "float64"],
      () => [quantile(double, 0.9) as never, `quantile_cont(${text}, 0.9)`, "float64"],
    );
  }
  return random.pick(choices)();
}

const group: Step = (input, random, _other, fresh) => {
  const keys = [...new Set(Array.from({ length: random.below(4) }, () => one(random, input.columns)))];
  const made = Array.from({ length: 1 + random.below(5) }, () => ({
    name: fresh("agg"),
    aggregate: aggregate(input.columns, random),
  }));
  const names = keys.map(({ name }) => quoted(name));
  const selected = [...names, ...made.map(({ name, aggregate: [, sql] }) => `${sql} AS ${name}`)].join(", ");
  const groups = keys.length === 0 ? "" : ` GROUP BY ${names.join(", ")}`;
  return after(input, `groupBy ${selected}`, {
    rows: input.rows
      .groupBy(...keys.map(({ name }) => name))
      .agg(() => Object.fromEntries(made.map(({ name, aggregate: [value] }) => [name, value]))) as never,
    sql: `SELECT ${selected} FROM (${input.sql})${groups}`,
    columns: [...keys, ...made.map(({ name, aggregate: [, , type] }) => ({ name, type }))],
    keyed: false,
  });
};

const distinct: Step = (input, random) => {
  const columns = input.columns.filter((column, i) => i === 0 || (column.type !== "float64" && random.chance(0.3)));
  const names = columns.map(({ name }) => name);
  return after(input, `distinct ${names.join(", ")}`, {
    rows: input.rows.select(...names).distinct() as never,
    sql: `SELECT DISTINCT ${names.map(quoted).join(", ")} FROM (${input.sql})`,
    columns,
    keyed: false,
  });
};

const top: Step = (input, random) => {
  if (!input.keyed) return null;
  const { name } = one(random, input.columns);
  const rows = 1 + random.below(2000);
  const down = random.chance(0.5);
  return after(input, `sort ${name}${down ? " desc" : ""}, id limit ${rows}`, {
    rows: input.rows.sort(down ? desc(name) : name, "id").limit(rows),
    sql: `SELECT * FROM (${input.sql}) ORDER BY ${quoted(name)} ${down ? "DESC" : "ASC"} NULLS LAST, id LIMIT ${rows}`,
  });
};

const sort: Step = (input, random) => {
  if (!input.keyed) return null;
  const keys = Array.from({ length: 1 + random.below(2) }, () => ({ ...one(random, input.columns), down: random.chance(0.5) }));
  const order = [...keys.map(({ name, down }) => `${quoted(name)} ${down ? "DESC" : "ASC"} NULLS LAST`), "id"].join(", ");
  return after(input, `sort ${order}`, {
    rows: input.rows.sort(...keys.map(({ name, down }) => (down ? desc(name) : name)), "id"),
    order,
  });
};

const dedupe: Step = (input, random) => {
  if (!input.keyed) return null;
  const [{ name }, order] = [one(random, input.columns), one(random, input.columns)];
  const [down, keep] = [random.chance(0.5), random.pick(["first", "last"] as const)];
  // The last row is the first one of the order turned round, in which nulls come first.
  const isDown = down === (keep === "first");
  const terms = `${quoted(order.name)} ${isDown ? "DESC" : "ASC"} NULLS ${keep === "first" ? "LAST" : "FIRST"}, id ${keep === "first" ? "ASC" : "DESC"}`;
  const numbered = `SELECT *, row_number() OVER (PARTITION BY ${quoted(name)} ORDER BY ${terms}) AS nth FROM (${input.sql})`;
  return after(input, `dedupe ${name}: ${keep} by ${order.name}${down ? " desc" : ""}, id`, {
    rows: input.rows.dedupe({ by: [name], keep, orderBy: [down ? desc(order.name) : order.name, "id"] }),
    sql: `SELECT * EXCLUDE nth FROM (${numbered}) WHERE nth = 1`,
  });
};

const window: Step = (input, random, _other, fresh) => {
  if (!input.keyed) return null;
  const [by, order, any] = [one(random, input.columns), one(random, input.columns), one(random, input.columns)];
  const numbers = ofType(input.columns, "int32", "int64", "float64");
  const number = one(random, numbers.length === 0 ? [{ name: "id", type: "int64" }] : numbers);
  const [value, text] = [col(number.name).cast("float64"), `${quoted(number.name)}::DOUBLE`];
  const frame = random.pick<readonly [number | null, number | null] | null>([null, [-3, 0], [null, 0], [0, null], [-2, 2]]);
  const border = (n: number | null, open: string): string =>
    n === null ? `UNBOUNDED ${open}` : n === 0 ? "CURRENT ROW" : `${Math.abs(n)} ${n < 0 ? "PRECEDING" : "FOLLOWING"}`;
  const rows = frame === null ? "" : ` ROWS BETWEEN ${border(frame[0], "PRECEDING")} AND ${border(frame[1], "FOLLOWING")}`;
  const made = (
    [
      ["nth", rowNumber(), "row_number() OVER w", "int64"],
      ["rank", rank(), "rank() OVER w", "int64"],
      ["dense", denseRank(), "dense_rank() OVER w", "int64"],
      ["before", lag(col(any.name), 2), `lag(${quoted(any.name)}, 2) OVER w`, any.type],
      ["behind", lead(col("id")), "lead(id) OVER w", "int64"],
      ["running", sum(value), `sum(${text}) OVER f`, "float64"],
      ["counted", count(col(any.name)), `count(${quoted(any.name)}) OVER f`, "int64"],
      ["least", min(col(any.name)), `min(${quoted(any.name)}) OVER f`, any.type],
      ["mean", avg(value), `avg(${text}) OVER f`, "float64"],
    ] as const
  )
    .filter(() => random.chance(0.4))
    .map(([name, mine, sql, type]) => ({ name: fresh(name), mine, sql, type }));
  if (made.length === 0) return null;
  const down = random.chance(0.3);
  const over = `PARTITION BY ${quoted(by.name)} ORDER BY ${quoted(order.name)} ${down ? "DESC" : "ASC"} NULLS LAST${order.name === "id" ? "" : ", id"}`;
  const key = down ? desc(order.name) : order.name;
  const all = input.rows.window(
    {
      partitionBy: [by.name],
      orderBy: order.name === "id" ? [key] : [key, "id"],
      ...(frame === null ? {} : { rows: frame }),
    },
    () => Object.fromEntries(made.map(({ name, mine }) => [name, mine])) as never,
  ) as Twin["rows"];
  const sql = `SELECT *, ${made.map(({ name, sql }) => `${sql} AS ${name}`).join(", ")} FROM (${input.sql}) WINDOW w AS (${over}), f AS (${over}${rows})`;
  // Often nobody wants more than the first rows of each key.
  const place = made.find((column) => /^(nth|rank)/.test(column.name));
  const first = place === undefined || random.chance(0.4) ? null : { name: place.name, most: 1 + random.below(5) };
  const log = `window ${made.map((column) => column.sql).join(", ")}: ${over}${rows}`;
  return after(input, first === null ? log : `${log}, ${first.name} <= ${first.most}`, {
    rows: (first === null ? all : all.filter(() => col(first.name).lte(first.most))) as never,
    sql: first === null ? sql : `SELECT * FROM (${sql}) WHERE ${first.name} <= ${first.most}`,
    columns: [...input.columns, ...made.map(({ name, type }) => ({ name, type }))],
  });
};

const union: Step = (input, random) => {
  const { name } = one(random, input.columns);
  const some = random.chance(0.6);
  const [rows, where] = some
    ? [input.rows.filter(() => col(name).isNotNull()), ` WHERE ${quoted(name)} IS NOT NULL`]
    : [input.rows, ""];
  return after(input, some ? `union with its rows that have ${name}` : "union with itself", {
    rows: input.rows.union(rows),
    sql: `SELECT * FROM (${input.sql}) UNION ALL SELECT * FROM (${input.sql})${where}`,
    keyed: false,
  });
};

const kinds = ["inner", "left", "right", "full", "semi", "anti"] as const;

/** On a key of which one side at least is unique, so that the result stays of a size that a test can look at. */
const join: Step = (input, random, other, fresh) => {
  const pairs = input.columns.flatMap((left) =>
    other.columns
      .filter((right) => right.type === left.type && (right.name === "id" || (left.name === "id" && input.keyed)))
      .map((right) => ({ left, right })),
  );
  const [first, ...rest] = pairs;
  if (first === undefined) return null;
  const { left, right } = random.pick([first, ...rest]);
  const how = random.pick(kinds);
  const renamed = other.columns.map((column) => ({ from: column.name, to: fresh("r"), type: column.type }));
  const key = renamed.find(({ from }) => from === right.name)?.to ?? "";
  const rows = other.rows.rename(Object.fromEntries(renamed.map(({ from, to }) => [from, to]))) as unknown as Twin["rows"];
  const sql = `SELECT ${renamed.map(({ from, to }) => `${quoted(from)} AS ${to}`).join(", ")} FROM (${other.sql})`;
  const whole = how !== "semi" && how !== "anti";
  return after(input, `join ${how} ${left.name} = ${right.name} of ${other.log[0]}`, {
    rows: input.rows.join(rows, { on: { left: left.name, right: key }, how: how as "inner" }) as never,
    sql: `SELECT ${whole ? "*" : "l.*"} FROM (${input.sql}) l ${how.toUpperCase()} JOIN (${sql}) r ON l.${quoted(left.name)} = r.${key}`,
    columns: whole ? [...input.columns, ...renamed.map(({ to, type }) => ({ name: to, type }))] : input.columns,
    keyed: input.keyed && !whole,
  });
};

const steps: readonly [Step, ...Step[]] = [
  ...([filter, filter, compute, compute, userFunction, textFunction, group, group, distinct] as [Step, ...Step[]]),
  ...[top, sort, dedupe, window, union, join, join],
];

/** The plan of a number: a table, what a step may join it with, and up to five steps. */
export async function planOf(duckdb: DuckDBConnection, random: Random, folder: string, rows: number): Promise<Twin> {
  const other = await randomTable(duckdb, random, folder, "other", random.pick([200, 4_000, rows]));
  return randomPlan(await randomTable(duckdb, random, folder, "input", rows), other, random);
}

/** A plan of up to five steps over `table`, which may join `other`. */
function randomPlan(table: Twin, other: Twin, random: Random): Twin {
  let named = 0;
  const fresh = (prefix: string): string => `${prefix}_${named++}`;
  let plan = table;
  for (let n = 1 + random.below(5); n > 0; n--) plan = random.pick(steps)(plan, random, other, fresh) ?? plan;
  return random.chance(0.2) ? (sort(plan, random, other, fresh) ?? plan) : plan;
}
