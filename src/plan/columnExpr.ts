import { planError } from "../common/errors.js";
import type { CallOptions, Expr } from "../expr/nodes.js";
import { parseType } from "../schema/types.js";
import type { Column, Row } from "./columns.js";
import { toExpr } from "./literal.js";
import type { TypeSpec } from "./types.js";

/** Calls a function of the registry; plain values become literals. */
export function callExpr(fn: string, args: readonly unknown[], options?: CallOptions): Expr {
  const exprs = args.map((arg) => toExpr(arg, fn));
  return options === undefined ? { kind: "call", fn, args: exprs } : { kind: "call", fn, args: exprs, options };
}

/** Methods that are the function of the same name over the column and the arguments given. */
const plainMethods = [
  ...["eq", "ne", "gt", "gte", "lt", "lte", "between", "isNull", "isNotNull", "nullIf"],
  ...["sub", "mul", "div", "divide", "mod", "neg", "not"],
  ...["abs", "round", "floor", "ceil", "sqrt", "power", "ln", "log10", "exp", "sign", "isNaN", "isFinite"],
  ...["lower", "upper", "trim", "ltrim", "rtrim", "length", "substring", "replace", "splitPart", "concat"],
  ...["startsWith", "endsWith", "contains", "like", "ilike", "regexpMatches", "regexpExtract"],
  ...["reverse", "repeat", "md5", "sha256"],
  ...["year", "quarter", "month", "day", "hour", "minute", "second", "dayOfWeek", "dayOfYear", "weekOfYear"],
  ...["toDate", "epochMs"],
] as const;

/**
 * Every method that any column has. One class at run time, because types are known only when the plan is bound; the interfaces in
 * `columns.ts` say which methods a column of a known type offers.
 */
class ColumnExpr {
  readonly expr: Expr;

  constructor(expr: Expr) {
    this.expr = expr;
  }

  /** JavaScript's own operators would compare or add the description of the column, and give one answer for every row. */
  [Symbol.toPrimitive](): never {
    throw planError("COLUMN_AS_VALUE", "a column was used with an operator of JavaScript, such as c.a > 1, or as text", {
      hint: "Columns have methods: c.a.gt(1), c.a.add(c.b), c.a.eq(1). A function of your own over values is a udf.",
    });
  }

  call(fn: string, args: readonly unknown[], options?: CallOptions): ColumnExpr {
    const given = args.at(-1) === undefined ? args.filter((arg) => arg !== undefined) : args;
    return new ColumnExpr(callExpr(fn, [this, ...given], options));
  }

  add(other: unknown, unit?: string): ColumnExpr {
    return unit === undefined ? this.call("add", [other]) : this.dateAdd(other, unit);
  }

  and(...others: unknown[]): ColumnExpr {
    return others.length === 0 ? this : this.call("and", others);
  }

  or(...others: unknown[]): ColumnExpr {
    return others.length === 0 ? this : this.call("or", others);
  }

  in(values: Iterable<unknown>): ColumnExpr {
    if (typeof values !== "object" || values === null || !(Symbol.iterator in values)) {
      throw planError("INVALID_ARGUMENT", "in: expected a list of values", { hint: 'Write c.region.in(["north", "south"]).' });
    }
    const list = [...values];
    // Nothing is in an empty list, not even null.
    return list.length === 0 ? new ColumnExpr({ kind: "literal", value: false }) : this.call("in", list);
  }

  isIn(values: Iterable<unknown>): ColumnExpr {
    return this.in(values);
  }

  fillNull(other: unknown): ColumnExpr {
    return this.call("coalesce", [other]);
  }

  cast(type: TypeSpec): ColumnExpr {
    return new ColumnExpr({ kind: "cast", input: this.expr, to: parseType(type), safe: false });
  }

  tryCast(type: TypeSpec): ColumnExpr {
    return new ColumnExpr({ kind: "cast", input: this.expr, to: parseType(type), safe: true });
  }

  pow(exponent: unknown): ColumnExpr {
    return this.call("power", [exponent]);
  }

  regexpReplace(pattern: string, replacement: string, flags?: string): ColumnExpr {
    return this.call("regexpReplace", [pattern, replacement], flags === undefined ? undefined : { flags });
  }

  lpad(length: unknown, fill: unknown = " "): ColumnExpr {
    return this.call("lpad", [length, fill]);
  }

  rpad(length: unknown, fill: unknown = " "): ColumnExpr {
    return this.call("rpad", [length, fill]);
  }

  truncate(unit: string): ColumnExpr {
    return this.call("truncate", [], { unit });
  }

  dateAdd(amount: unknown, unit: string): ColumnExpr {
    return this.call("dateAdd", [amount], { unit });
  }

  dateDiff(other: unknown, unit: string): ColumnExpr {
    return this.call("dateDiff", [other], { unit });
  }

  toTimestamp(format?: string): ColumnExpr {
    return format === undefined ? this.call("toTimestamp", []) : this.parseTimestamp(format);
  }

  format(format: string): ColumnExpr {
    return this.call("formatDate", [], { format });
  }

  parseDate(format: string): ColumnExpr {
    return this.call("parseDate", [], { format });
  }

  parseTimestamp(format: string): ColumnExpr {
    return this.call("parseTimestamp", [], { format });
  }

  field(name: string): ColumnExpr {
    return this.call("field", [], { name });
  }
}

for (const name of plainMethods) {
  Object.defineProperty(ColumnExpr.prototype, name, {
    value(this: ColumnExpr, ...args: unknown[]) {
      return this.call(name, args);
    },
  });
}

/** An expression as a column of type `T`. */
export function columnOf<T extends string>(expr: Expr): Column<T> {
  return new ColumnExpr(expr) as unknown as Column<T>;
}

/**
 * The argument of column callbacks: every property is the column of that name.
 * @throws MillraceError Plan/COLUMNS_NOT_LISTABLE when the properties are listed, as `{ ...c }` does.
 */
export function columnsRow<S>(): Row<S> {
  const proxy: object = new Proxy(Object.create(null) as object, {
    get: (_target, name) => (typeof name === "string" ? columnOf({ kind: "column", name }) : undefined),
    has: (_target, name) => typeof name === "string",
    ownKeys: () => {
      throw planError("COLUMNS_NOT_LISTABLE", "the columns given to a callback cannot be listed or spread", {
        hint: "withColumns((c) => ({ … })) keeps every column; select names the ones to keep.",
      });
    },
    set: (_target, name) => {
      throw planError("COLUMNS_READ_ONLY", `column ${JSON.stringify(String(name))} cannot be assigned`, {
        hint: "Return new columns from withColumns((c) => ({ name: … })).",
      });
    },
  });
  return proxy as Row<S>;
}
