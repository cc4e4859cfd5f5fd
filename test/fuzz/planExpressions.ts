import { type AnyColumn, coalesce, col, concat, greatest, least, lit, when } from "millrace";
import { quoted, type TestColumn, type TestType } from "./planTables.js";
import type { Random } from "./random.js";

/** A value of a row, for Millrace and in SQL. */
export interface Made {
  readonly value: AnyColumn;
  readonly sql: string;
}

interface Making {
  readonly columns: readonly TestColumn[];
  readonly random: Random;
  readonly depth: number;
}

const made = (value: unknown, sql: string): Made => ({ value: value as AnyColumn, sql: `(${sql})` });
const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

const literals: { readonly [T in TestType]: readonly [Made, ...Made[]] } = {
  int32: [made(lit(7, "int32"), "7::INTEGER"), made(lit(0, "int32"), "0::INTEGER"), made(lit(-3, "int32"), "(-3)::INTEGER")],
  int64: [made(lit(3n, "int64"), "3::BIGINT"), made(lit(9007199254740993n, "int64"), "9007199254740993::BIGINT")],
  float64: [made(lit(0.5), "0.5::DOUBLE"), made(lit(-2.25), "(-2.25)::DOUBLE"), made(lit(0, "float64"), "0::DOUBLE")],
  utf8: ["", "a", "é", "S1", "with,comma", "日本語"].map((one) => made(lit(one), text(one))) as [Made, ...Made[]],
  bool: [made(lit(true), "true"), made(lit(false), "false")],
  date: [made(lit("2020-02-29", "date"), "DATE '2020-02-29'")],
  timestamp: [made(lit("2021-03-02T12:00:00", "timestamp"), "TIMESTAMP '2021-03-02 12:00:00'")],
  "decimal(12,2)": [made(lit("12.50", "decimal(12,2)"), "12.50::DECIMAL(12,2)")],
};

const sortable: readonly [TestType, ...TestType[]] = ["int32", "int64", "utf8", "date", "timestamp", "decimal(12,2)", "bool"];

/** A value of a type: a column, a literal, or a call of a function on others, at most `depth` calls deep. Never an overflow, NaN or infinity. */
export function expression(type: TestType, columns: readonly TestColumn[], random: Random, depth = 2): Made {
  const making: Making = { columns, random, depth: depth - 1 };
  if (depth > 0 && random.chance(0.8)) {
    if (random.chance(0.25)) return common(type, making);
    const call = calls[type](making);
    if (call !== null) return call;
  }
  const own = columns.filter((column) => column.type === type);
  const [first, ...rest] = own;
  if (first === undefined || random.chance(0.1)) return random.pick(literals[type]);
  const { name } = random.pick([first, ...rest]);
  return made(col(name), quoted(name));
}

const part = (type: TestType, { columns, random, depth }: Making): Made => expression(type, columns, random, depth);

/** What any type can be made of. */
function common(type: TestType, making: Making): Made {
  const { random } = making;
  const [a, b] = [part(type, making), part(type, making)];
  switch (random.below(type === "bool" ? 3 : 4)) {
    case 0: {
      const condition = part("bool", making);
      return made(
        when(condition.value).then(a.value).otherwise(b.value),
        `CASE WHEN ${condition.sql} THEN ${a.sql} ELSE ${b.sql} END`,
      );
    }
    case 1:
      return made(coalesce(a.value, b.value), `coalesce(${a.sql}, ${b.sql})`);
    case 2:
      return made(a.value.nullIf(b.value), `nullif(${a.sql}, ${b.sql})`);
    default: {
      const [mine, sql] = random.chance(0.5) ? [greatest, "greatest"] : [least, "least"];
      return made(mine(a.value, b.value), `${sql}(${a.sql}, ${b.sql})`);
    }
  }
}

function comparison(making: Making): Made {
  const { random } = making;
  const type = random.pick(sortable);
  const [a, b, c] = [part(type, making), part(type, making), part(type, making)];
  switch (random.below(8)) {
    case 0:
      return made(a.value.eq(b.value), `${a.sql} = ${b.sql}`);
    case 1:
      return made(a.value.ne(b.value), `${a.sql} <> ${b.sql}`);
    case 2:
      return made(a.value.lt(b.value), `${a.sql} < ${b.sql}`);
    case 3:
      return made(a.value.gte(b.value), `${a.sql} >= ${b.sql}`);
    case 4:
      return made(a.value.between(b.value, c.value), `${a.sql} BETWEEN ${b.sql} AND ${c.sql}`);
    case 5: {
      const [x, y] = [random.pick(literals[type]), random.pick(literals[type])];
      return made(a.value.in([x.value, y.value]), `${a.sql} IN (${x.sql}, ${y.sql})`);
    }
    case 6:
      return made(a.value.isNull(), `${a.sql} IS NULL`);
    default:
      return made(a.value.isNotNull(), `${a.sql} IS NOT NULL`);
  }
}

function textCondition(making: Making): Made {
  const { random } = making;
  const a = part("utf8", making);
  const piece = random.pick(["S", "a", "é", "本", "-0000", "b", ","]);
  switch (random.below(6)) {
    case 0:
      return made(a.value.startsWith(piece), `starts_with(${a.sql}, ${text(piece)})`);
    case 1:
      return made(a.value.endsWith(piece), `ends_with(${a.sql}, ${text(piece)})`);
    case 2:
      return made(a.value.contains(piece), `contains(${a.sql}, ${text(piece)})`);
    case 3:
      return made(a.value.like(`%${piece}_%`), `${a.sql} LIKE ${text(`%${piece}_%`)}`);
    case 4:
      return made(a.value.ilike(`${piece}%`), `${a.sql} ILIKE ${text(`${piece}%`)}`);
    default:
      return made(a.value.regexpMatches("[0-9]{2,}[a-f]"), `regexp_matches(${a.sql}, '[0-9]{2,}[a-f]')`);
  }
}

function textCall(making: Making): Made {
  const { random } = making;
  const a = part("utf8", making);
  switch (random.below(13)) {
    case 0:
      return made(a.value.upper(), `upper(${a.sql})`);
    case 1:
      return made(a.value.lower(), `lower(${a.sql})`);
    case 2:
      return made(a.value.trim(), `trim(${a.sql})`);
    case 3: {
      const b = part("utf8", making);
      return made(concat(a.value, "-", b.value), `${a.sql} || '-' || ${b.sql}`);
    }
    case 4: {
      const [start, length] = [1 + random.below(4), random.below(6)];
      return made(a.value.substring(start, length), `substring(${a.sql}, ${start}, ${length})`);
    }
    case 5:
      return made(a.value.replace("a", "<a>"), `replace(${a.sql}, 'a', '<a>')`);
    case 6:
      return made(a.value.splitPart("-", 2), `split_part(${a.sql}, '-', 2)`);
    case 7:
      return made(a.value.lpad(6, "*"), `lpad(${a.sql}, 6, '*')`);
    case 8:
      return made(a.value.regexpReplace("[0-9]+", "#", "g"), `regexp_replace(${a.sql}, '[0-9]+', '#', 'g')`);
    case 9: {
      const type = random.pick(["int32", "int64", "bool", "date", "decimal(12,2)"] as const);
      const b = part(type, making);
      return made(b.value.cast("utf8"), `${b.sql}::VARCHAR`);
    }
    case 10: {
      const b = part("timestamp", making);
      return made(b.value.format("%Y-%m-%d %H:%M:%S"), `strftime(${b.sql}, '%Y-%m-%d %H:%M:%S')`);
    }
    case 11:
      return made(a.value.regexpExtract("([a-z]+)([0-9]?)", 1), `regexp_extract(${a.sql}, '([a-z]+)([0-9]?)', 1)`);
    default:
      return made(a.value.rtrim(), `rtrim(${a.sql})`);
  }
}

function int32Call(making: Making): Made {
  const { random } = making;
  const time = part(random.pick(["date", "timestamp"] as const), making);
  switch (random.below(8)) {
    case 0: {
      const a = part("utf8", making);
      return made(a.value.length(), `length(${a.sql})::INTEGER`);
    }
    case 1:
      return made(time.value.year(), `year(${time.sql})::INTEGER`);
    case 2:
      return made(time.value.month(), `month(${time.sql})::INTEGER`);
    case 3:
      return made(time.value.dayOfWeek(), `isodow(${time.sql})::INTEGER`);
    case 4:
      return made(time.value.dayOfYear(), `dayofyear(${time.sql})::INTEGER`);
    case 5:
      return made(time.value.weekOfYear(), `weekofyear(${time.sql})::INTEGER`);
    case 6: {
      const [a, b] = [part("int32", making), part("int32", making)];
      return made(a.value.mod(b.value), `${a.sql} % ${b.sql}`);
    }
    default: {
      const a = part("int32", making);
      return made(a.value.mod(1000).add(5).mul(3).cast("int32"), `(${a.sql} % 1000 + 5) * 3`);
    }
  }
}

function int64Call(making: Making): Made {
  const { random } = making;
  switch (random.below(4)) {
    case 0: {
      const [a, b] = [part("int32", making), part("int32", making)];
      return made(a.value.cast("int64").mul(b.value.cast("int64")), `${a.sql}::BIGINT * ${b.sql}::BIGINT`);
    }
    case 1: {
      const [a, b] = [part("date", making), part("date", making)];
      const unit = random.pick(["day", "month", "year"]);
      return made(a.value.dateDiff(b.value, unit as "day"), `datediff('${unit}', ${a.sql}, ${b.sql})`);
    }
    case 2: {
      const [a, b] = [part("int64", making), part("int32", making)];
      return made(a.value.div(b.value).cast("int64"), `CASE WHEN ${b.sql} = 0 THEN NULL ELSE ${a.sql} // ${b.sql}::BIGINT END`);
    }
    default: {
      const a = part("int64", making);
      return made(a.value.mod(1_000_003).sub(17).cast("int64"), `${a.sql} % 1000003 - 17`);
    }
  }
}

function float64Call(making: Making): Made {
  const { random } = making;
  const whole = part("int32", making);
  const a = part("float64", making);
  switch (random.below(6)) {
    case 0:
      return made(whole.value.cast("float64").mul(1.5).add(a.value), `${whole.sql}::DOUBLE * 1.5 + ${a.sql}`);
    case 1:
      return made(whole.value.divide(8), `${whole.sql}::DOUBLE / 8`);
    case 2:
      return made(a.value.abs().sqrt(), `sqrt(abs(${a.sql}))`);
    case 3:
      return made(a.value.floor(), `floor(${a.sql})`);
    case 4:
      return made(a.value.neg(), `-${a.sql}`);
    default: {
      const b = part("decimal(12,2)", making);
      return made(b.value.cast("float64"), `${b.sql}::DOUBLE`);
    }
  }
}

function boolCall(making: Making): Made {
  const { random } = making;
  if (random.chance(0.3)) return comparison(making);
  if (random.chance(0.3)) return textCondition(making);
  const [a, b] = [part("bool", making), part("bool", making)];
  switch (random.below(3)) {
    case 0:
      return made(a.value.and(b.value), `${a.sql} AND ${b.sql}`);
    case 1:
      return made(a.value.or(b.value), `${a.sql} OR ${b.sql}`);
    default:
      return made(a.value.not(), `NOT ${a.sql}`);
  }
}

function dateCall(making: Making): Made {
  const { random } = making;
  const a = part("date", making);
  const unit = random.pick(["month", "year", "week"]);
  switch (random.below(3)) {
    case 0:
      return made(a.value.truncate(unit as "month"), `date_trunc('${unit}', ${a.sql})::DATE`);
    case 1: {
      const b = part("timestamp", making);
      return made(b.value.toDate(), `${b.sql}::DATE`);
    }
    default: {
      const amount = random.below(60) - 30;
      return made(a.value.dateAdd(amount, unit as "month"), `(${a.sql} + INTERVAL (${amount}) ${unit})::DATE`);
    }
  }
}

function timestampCall(making: Making): Made {
  const { random } = making;
  const a = part("timestamp", making);
  const unit = random.pick(["hour", "day", "minute", "month"]);
  if (random.chance(0.5)) return made(a.value.truncate(unit as "hour"), `date_trunc('${unit}', ${a.sql})::TIMESTAMP`);
  const amount = random.below(100) - 50;
  return made(a.value.dateAdd(amount, unit as "hour"), `${a.sql} + INTERVAL (${amount}) ${unit}`);
}

const calls: { readonly [T in TestType]: (making: Making) => Made | null } = {
  int32: int32Call,
  int64: int64Call,
  float64: float64Call,
  utf8: textCall,
  bool: boolCall,
  date: dateCall,
  timestamp: timestampCall,
  "decimal(12,2)": () => null,
};
