import { assertNever } from "../common/assert.js";
import { type DataType, typeName } from "../schema/types.js";
import type { Bound, CallOptions, Expr, LiteralValue } from "./nodes.js";

/** Precedence from loose to tight; a part is put in brackets where it binds looser than its place asks. */
const level = { or: 1, and: 2, not: 3, compare: 4, add: 5, multiply: 6, unary: 7, atom: 8 } as const;

interface Infix {
  readonly symbol: string;
  readonly level: number;
}

const infix: { readonly [fn: string]: Infix } = {
  or: { symbol: "or", level: level.or },
  and: { symbol: "and", level: level.and },
  eq: { symbol: "=", level: level.compare },
  ne: { symbol: "<>", level: level.compare },
  lt: { symbol: "<", level: level.compare },
  lte: { symbol: "<=", level: level.compare },
  gt: { symbol: ">", level: level.compare },
  gte: { symbol: ">=", level: level.compare },
  like: { symbol: "like", level: level.compare },
  ilike: { symbol: "ilike", level: level.compare },
  add: { symbol: "+", level: level.add },
  sub: { symbol: "-", level: level.add },
  mul: { symbol: "*", level: level.multiply },
  divide: { symbol: "/", level: level.multiply },
  div: { symbol: "//", level: level.multiply },
  mod: { symbol: "%", level: level.multiply },
};

interface Text {
  readonly text: string;
  readonly level: number;
}

const atom = (text: string): Text => ({ text, level: level.atom });
const bracket = (part: Text, least: number): string => (part.level < least ? `(${part.text})` : part.text);

/** What both forms share: a node with its parts already as text. */
type Shape =
  | { readonly kind: "column"; readonly name: string }
  | { readonly kind: "literal"; readonly value: LiteralValue; readonly type?: DataType | undefined }
  | { readonly kind: "call"; readonly fn: string; readonly args: readonly Text[]; readonly options: CallOptions | undefined }
  | { readonly kind: "cast"; readonly input: Text; readonly to: DataType; readonly safe: boolean }
  | {
      readonly kind: "case";
      readonly branches: readonly { readonly when: Text; readonly then: Text }[];
      readonly otherwise: Text | null;
    };

function literalText(value: LiteralValue, type: DataType | undefined): string {
  if (value === null) return "null";
  if (typeof value === "string") {
    const quoted = `'${value.replaceAll("'", "''")}'`;
    if (type === undefined || type.kind === "utf8") return quoted;
    if (type.kind === "date" || type.kind === "timestamp" || type.kind === "binary") return `${type.kind} ${quoted}`;
    return value;
  }
  return String(value);
}

function optionsText(options: CallOptions | undefined): string[] {
  return Object.entries(options ?? {}).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
}

function callText(fn: string, args: readonly Text[], options: CallOptions | undefined): Text {
  const operator = Object.hasOwn(infix, fn) ? infix[fn] : undefined;
  const [first, ...rest] = args;
  if (operator !== undefined && first !== undefined && rest.length > 0) {
    // Left-associative: the first part may bind as loosely as the operator, the others must bind tighter.
    const loose = fn === "and" || fn === "or" ? operator.level : operator.level + 1;
    const leftLevel = operator.level === level.compare ? operator.level + 1 : operator.level;
    const parts = [bracket(first, leftLevel), ...rest.map((part) => bracket(part, loose))];
    return { text: parts.join(` ${operator.symbol} `), level: operator.level };
  }
  if (first !== undefined) {
    if (fn === "not" && rest.length === 0) return { text: `not ${bracket(first, level.not)}`, level: level.not };
    if (fn === "neg" && rest.length === 0) return { text: `-${bracket(first, level.atom)}`, level: level.unary };
    const left = bracket(first, level.compare + 1);
    if (fn === "isNull") return { text: `${left} is null`, level: level.compare };
    if (fn === "isNotNull") return { text: `${left} is not null`, level: level.compare };
    if (fn === "in") return { text: `${left} in (${rest.map((r) => r.text).join(", ")})`, level: level.compare };
    const [low, high] = rest;
    if (fn === "between" && low !== undefined && high !== undefined) {
      const text = `${left} between ${bracket(low, level.compare + 1)} and ${bracket(high, level.compare + 1)}`;
      return { text, level: level.compare };
    }
  }
  return atom(`${fn}(${[...args.map((a) => a.text), ...optionsText(options)].join(", ")})`);
}

function caseText(shape: Extract<Shape, { kind: "case" }>): Text {
  const branches = shape.branches.map((branch) => `when ${branch.when.text} then ${branch.then.text}`);
  const otherwise = shape.otherwise === null ? [] : [`else ${shape.otherwise.text}`];
  return atom(["case", ...branches, ...otherwise, "end"].join(" "));
}

function shapeText(shape: Shape): Text {
  switch (shape.kind) {
    case "column":
      return atom(/^[A-Za-z_][A-Za-z0-9_]*$/.test(shape.name) ? shape.name : JSON.stringify(shape.name));
    case "literal": {
      const text = literalText(shape.value, shape.type);
      return { text, level: text.startsWith("-") ? level.unary : level.atom };
    }
    case "call":
      return callText(shape.fn, shape.args, shape.options);
    case "cast":
      return atom(`${shape.safe ? "tryCast" : "cast"}(${shape.input.text} as ${typeName(shape.to)})`);
    case "case":
      return caseText(shape);
    default:
      return assertNever(shape, "expression text");
  }
}

function exprPart(expr: Expr): Text {
  switch (expr.kind) {
    case "column":
    case "literal":
      return shapeText(expr);
    case "call":
    case "aggregate":
      return shapeText({ kind: "call", fn: expr.fn, args: expr.args.map(exprPart), options: expr.options });
    case "udf":
      return atom(`${expr.fn.name}(${expr.args.map((arg) => exprPart(arg).text).join(", ")})`);
    case "cast":
      return shapeText({ kind: "cast", input: exprPart(expr.input), to: expr.to, safe: expr.safe });
    case "case":
      return shapeText({
        kind: "case",
        // biome-ignore lint/suspicious/noThenProperty: a branch is plain data
        branches: expr.branches.map((branch) => ({ when: exprPart(branch.when), then: exprPart(branch.then) })),
        otherwise: expr.otherwise === null ? null : exprPart(expr.otherwise),
      });
    default:
      return assertNever(expr, "expression");
  }
}

function boundPart(bound: Bound): Text {
  switch (bound.kind) {
    case "column":
    case "literal":
      return shapeText(bound);
    case "call":
      return shapeText({ kind: "call", fn: bound.fn, args: bound.args.map(boundPart), options: bound.options });
    case "udf":
      return atom(`${bound.fn.name}(${bound.args.map((arg) => boundPart(arg).text).join(", ")})`);
    case "cast":
      return shapeText({ kind: "cast", input: boundPart(bound.input), to: bound.type, safe: bound.safe });
    case "case":
      return shapeText({
        kind: "case",
        // biome-ignore lint/suspicious/noThenProperty: a branch is plain data
        branches: bound.branches.map((branch) => ({ when: boundPart(branch.when), then: boundPart(branch.then) })),
        otherwise: bound.otherwise === null ? null : boundPart(bound.otherwise),
      });
    default:
      return assertNever(bound, "bound expression");
  }
}

/** An expression as people read it: `quantity > 0 and store_id is not null`. Not parsed back. */
export const exprText = (expr: Expr): string => exprPart(expr).text;

/** A bound expression as people read it; implicit casts show. Not parsed back. */
export const boundText = (bound: Bound): string => boundPart(bound).text;
