import fc from "fast-check";
import { builderFor } from "../../../src/batch/builder.js";
import type { Batch } from "../../../src/batch/column.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { castExists } from "../../../src/functions/cast.js";
import { literalToValue, valueToLiteral } from "../../../src/functions/literal.js";
import { scalarFunction, scalarNames } from "../../../src/functions/registry.js";
import { type DataType, sameType, type Schema, types, type Value } from "../../../src/schema/types.js";
import { column, everyType, schemaOf, arbitraryOf } from "../batch/values.js";

type Pick = fc.GeneratorValue;

const flat = everyType.filter((type) => type.kind !== "list" && type.kind !== "struct");
const options = { unit: "month", format: "%Y-%m-%d", separator: ",", algorithm: "sha256" };

/** A random expression over a schema, made of every function in the registry. */
export function expression(g: Pick, schema: Schema, depth: number): Bound {
  const kind =
    depth === 0 ? "column" : g(fc.constantFrom, "column", "literal", "call", "call", "call", "call", "cast", "case", "udf");
  switch (kind) {
    case "literal":
      return literal(g, g(fc.constantFrom, ...flat));
    case "call":
      return call(g, schema, depth);
    case "cast":
      return cast(g, expression(g, schema, depth - 1), g(fc.constantFrom, ...flat), g(fc.boolean));
    case "case":
      return conditional(g, schema, depth);
    case "udf":
      return userCall(g, schema, depth);
    default: {
      const index = g(fc.nat, schema.length - 1);
      return { kind: "column", index, name: `c${index}`, type: schema[index]?.type ?? types.null, nullable: true };
    }
  }
}

function literal(g: Pick, type: DataType): Bound {
  const value = g(fc.boolean) ? null : g(() => arbitraryOf(type));
  return { kind: "literal", value: valueToLiteral(value, type), type, nullable: value === null };
}

/** The expression as another type, by a cast that may fail. */
function cast(g: Pick, input: Bound, to: DataType, safe: boolean): Bound {
  if (sameType(input.type, to)) return input;
  if (!castExists(input.type, to)) return literal(g, to);
  return { kind: "cast", input, safe, type: to, nullable: true };
}

const likely = [
  types.int32,
  types.float64,
  types.utf8,
  types.utf8,
  types.bool,
  types.timestamp,
  types.date,
  types.int64,
  types.decimal(9, 2),
];
const texts = ["", "a", "%a%", "a_", "(a|b)", "$1", "%Y-%m-%d", "ab"];

/** Functions whose result is as long as a number says: a number of any size would make texts of any size. */
const growing = new Set(["lpad", "rpad", "repeat"]);

/** A call of any function, tried with likely arguments until its definition takes them. */
function call(g: Pick, schema: Schema, depth: number): Bound {
  const name = g(fc.constantFrom, ...scalarNames(), "and", "or", "and", "or", "coalesce", "coalesce");
  const fn = scalarFunction(name);
  for (let tries = 0; tries < 8; tries++) {
    const wanted = Array.from({ length: g(fc.integer, { min: 1, max: 3 }) }, () => g(fc.constantFrom, ...likely));
    const resolved = fn.resolve(wanted, options);
    if (typeof resolved === "string") continue;
    const fixed = fn.literalArgs ?? [];
    const last = fixed.at(-1) ?? Number.POSITIVE_INFINITY;
    const args = resolved.args.map((type, i) => {
      if (fixed.includes(i) || i > last || (growing.has(name) && type.kind === "int32")) return simpleLiteral(g, type);
      return cast(g, expression(g, schema, depth - 1), type, g(fc.boolean));
    });
    const values = args.map((arg) => (arg.kind === "literal" ? literalToValue(arg.value, arg.type) : undefined));
    if (typeof fn.checkLiterals?.(values, options) === "string") continue;
    return { kind: "call", fn: name, args, options, type: resolved.returns, nullable: true };
  }
  return expression(g, schema, depth - 1);
}

/** A literal such as patterns, positions and formats are. */
function simpleLiteral(g: Pick, type: DataType): Bound {
  if (type.kind === "utf8") return { kind: "literal", value: g(fc.constantFrom, ...texts), type, nullable: false };
  if (type.kind === "int32") return { kind: "literal", value: g(fc.integer, { min: -1, max: 4 }), type, nullable: false };
  return literal(g, type);
}

function conditional(g: Pick, schema: Schema, depth: number): Bound {
  const type = g(fc.constantFrom, types.int32, types.utf8, types.float64, types.int64, types.date);
  const branches = Array.from({ length: g(fc.integer, { min: 1, max: 2 }) }, () => ({
    when: cast(g, expression(g, schema, depth - 1), types.bool, g(fc.boolean)),
    // biome-ignore lint/suspicious/noThenProperty: the plan's own word; it is no promise.
    then: cast(g, expression(g, schema, depth - 1), type, g(fc.boolean)),
  }));
  const otherwise = g(fc.boolean) ? null : cast(g, expression(g, schema, depth - 1), type, true);
  return { kind: "case", branches, otherwise, type, nullable: true };
}

const sources: readonly { readonly source: string; readonly args: readonly DataType[]; readonly returns: DataType }[] = [
  { source: "(a, b) => a + b", args: [types.float64, types.float64], returns: types.float64 },
  { source: "(a) => { if (a > 2) throw new Error('too big'); return a; }", args: [types.int32], returns: types.int32 },
  { source: "(s) => s === null ? null : s.toUpperCase()", args: [types.utf8], returns: types.utf8 },
  { source: "(s) => s.length", args: [types.utf8], returns: types.int32 },
  { source: "(t) => t", args: [types.timestamp], returns: types.timestamp },
  { source: "(d) => d", args: [types.date], returns: types.date },
  { source: "(x) => x === null ? undefined : 'text'", args: [types.int32], returns: types.float64 },
];

function userCall(g: Pick, schema: Schema, depth: number): Bound {
  const index = g(fc.nat, sources.length - 1);
  const { source, args, returns } = sources[index] as (typeof sources)[number];
  const typed = args.map((type) => cast(g, expression(g, schema, depth - 1), type, true));
  const fn = { kind: "source", name: `f${index}`, source, captured: {}, hash: `hash${index}` } as const;
  return { kind: "udf", fn, args: typed, type: returns, nullable: true };
}

/** A predicate over a schema. */
export const predicate = (g: Pick, schema: Schema): Bound => cast(g, expression(g, schema, 2), types.bool, g(fc.boolean));

/** A batch of a few columns of any type, with or without nulls and a selection. */
export const anyBatch: fc.Arbitrary<Batch> = fc
  .tuple(fc.array(fc.constantFrom(...everyType), { minLength: 1, maxLength: 4 }), fc.integer({ min: 0, max: 12 }), fc.boolean())
  .chain(([all, length, selected]) =>
    fc.tuple(
      fc.constant(all),
      fc.tuple(...all.map((type) => exactly(type, length))),
      selected ? fc.subarray([...Array(length).keys()]) : fc.constant(null),
    ),
  )
  .map(([all, values, selection]) => batchOf(schemaOf(all), values, selection));

const exactly = (type: DataType, length: number): fc.Arbitrary<Value[]> =>
  fc.oneof(
    fc.array(arbitraryOf(type), { minLength: length, maxLength: length }),
    fc.array(fc.option(arbitraryOf(type)), { minLength: length, maxLength: length }),
  );

export function batchOf(
  schema: Schema,
  values: readonly (readonly Value[])[],
  selection: readonly number[] | null = null,
): Batch {
  const columns = schema.map((field, i) => {
    const builder = builderFor(field.type);
    for (const value of values[i] ?? []) builder.append(value);
    return builder.finish();
  });
  const length = columns[0]?.length ?? 0;
  return { schema, length, columns, selection: selection === null ? null : Int32Array.from(selection), origin: null };
}

export { column };
