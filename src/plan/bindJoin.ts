import { planError } from "../common/errors.js";
import type { BoundNamed, Expr } from "../expr/nodes.js";
import { bindExpr } from "../functions/bind.js";
import { commonType } from "../functions/cast.js";
import { type DataType, type Field, isNested, requireField, type Schema, sameType, typeName } from "../schema/types.js";
import type { BoundNode, JoinOutput } from "./bound.js";
import type { LogicalNode } from "./nodes.js";

type JoinNode = Extract<LogicalNode, { kind: "join" }>;

/** A side of a join whose keys have the types they are compared in. */
interface Side {
  readonly node: BoundNode;
  /** Index of each key in `node`; behind the side's own columns where the key had to be cast. */
  readonly keys: readonly number[];
}

/** Keys of different types are cast in columns of their own, so that the output keeps the columns as they were. */
export function bindJoin(node: JoinNode, left: BoundNode, right: BoundNode, share: (node: BoundNode) => BoundNode): BoundNode {
  const pairs = node.on.map((on) => keyPair(on, left.schema, right.schema));
  if (pairs.length === 0) throw planError("INVALID_OPTION", 'join: option "on" names no column');
  const types = pairs.map(({ type }) => type);
  const l = castKeys(
    left,
    pairs.map((pair) => pair.left),
    types,
    share,
  );
  const r = castKeys(
    right,
    pairs.map((pair) => pair.right),
    types,
    share,
  );
  const { output, schema } = joinOutput(node, left.schema, right.schema, l, r);
  const on = l.keys.map((index, i) => ({ left: index, right: r.keys[i] as number }));
  return { kind: "join", left: l.node, right: r.node, on, how: node.how, output, schema };
}

interface KeyPair {
  readonly left: number;
  readonly right: number;
  readonly type: DataType;
}

function keyPair(on: JoinNode["on"][number], left: Schema, right: Schema): KeyPair {
  const l = requireField(left, on.left, "join (left side)");
  const r = requireField(right, on.right, "join (right side)");
  const [a, b] = [(left[l] as Field).type, (right[r] as Field).type];
  const type = commonType(a, b);
  if (type !== null && !isNested(type)) return { left: l, right: r, type };
  const names = on.left === on.right ? JSON.stringify(on.left) : `${JSON.stringify(on.left)} and ${JSON.stringify(on.right)}`;
  const problem = type === null ? "cannot be compared" : "cannot be keys";
  throw planError("TYPE_MISMATCH", `join on ${names}: ${typeName(a)} (left) and ${typeName(b)} (right) ${problem}`, {
    column: on.left,
    hint: "Cast one side before the join.",
  });
}

function castKeys(
  side: BoundNode,
  keys: readonly number[],
  types: readonly DataType[],
  share: (node: BoundNode) => BoundNode,
): Side {
  const columns: BoundNamed[] = side.schema.map((field, index) => ({
    name: field.name,
    expr: { kind: "column", index, ...field },
  }));
  const indexes = keys.map((index, i) => {
    const field = side.schema[index] as Field;
    const type = types[i] as DataType;
    if (sameType(field.type, type)) return index;
    const cast: Expr = { kind: "cast", input: { kind: "column", name: field.name }, to: type, safe: false };
    columns.push({
      name: freshName(columns, field.name),
      expr: bindExpr(cast, side.schema, `join key ${JSON.stringify(field.name)}`),
    });
    return columns.length - 1;
  });
  if (columns.length === side.schema.length) return { node: side, keys: indexes };
  const schema = columns.map(({ name, expr }) => ({ name, type: expr.type, nullable: expr.nullable }));
  return { node: share({ kind: "project", input: side, columns, schema }), keys: indexes };
}

function freshName(columns: readonly BoundNamed[], base: string): string {
  const taken = new Set(columns.map(({ name }) => name));
  let name = `${base} (key)`;
  for (let i = 2; taken.has(name); i++) name = `${base} (key ${i})`;
  return name;
}

interface Output {
  readonly output: readonly JoinOutput[];
  readonly schema: Schema;
}

function joinOutput(node: JoinNode, left: Schema, right: Schema, l: Side, r: Side): Output {
  const { how } = node;
  const leftOptional = how === "right" || how === "full";
  const rightOptional = how === "left" || how === "full";
  const output: JoinOutput[] = [];
  const schema: Field[] = [];
  const sameNamed = new Map(node.on.flatMap((on, i) => (on.left === on.right ? [[on.left, i] as const] : [])));
  left.forEach((field, index) => {
    const key = sameNamed.get(field.name);
    if (key === undefined || !leftOptional) {
      output.push({ side: "left", index });
      schema.push({ ...field, nullable: field.nullable || leftOptional });
      return;
    }
    const [a, b] = [l.keys[key] as number, r.keys[key] as number];
    const [x, y] = [l.node.schema[a] as Field, r.node.schema[b] as Field];
    output.push({ side: "coalesce", left: a, right: b });
    schema.push({ name: field.name, type: x.type, nullable: y.nullable || (how === "full" && x.nullable) });
  });
  if (how === "semi" || how === "anti") return { output, schema };
  const taken = new Set(left.map(({ name }) => name));
  right.forEach((field, index) => {
    if (sameNamed.has(field.name)) return;
    const name = taken.has(field.name) ? `${field.name}${node.suffix}` : field.name;
    output.push({ side: "right", index });
    schema.push({ ...field, name, nullable: field.nullable || rightOptional });
  });
  return { output, schema: distinctNames(schema) };
}

function distinctNames(schema: Schema): Schema {
  const seen = new Set<string>();
  for (const { name } of schema) {
    if (seen.has(name)) {
      throw planError("DUPLICATE_COLUMN", `join: two columns are named ${JSON.stringify(name)}`, {
        column: name,
        hint: 'Rename a column before the join, or give another { suffix: "_other" }.',
      });
    }
    seen.add(name);
  }
  return schema;
}
