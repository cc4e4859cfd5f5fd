import { assertNever, required } from "../common/assert.js";
import type { Bound, FunctionRef } from "../expr/nodes.js";
import { castCanFail, castValue } from "../functions/cast.js";
import { RowFailure, type ScalarFunction } from "../functions/definition.js";
import { literalToValue } from "../functions/literal.js";
import { scalarFunction } from "../functions/registry.js";
import { type DataType, typeName, type Value, valueForm } from "../schema/types.js";
import type { Site } from "./compileFailure.js";
import type { InputText } from "./codegenInput.js";
import { lazyCalls } from "./codegenLazy.js";
import { narrowCall, narrowCast } from "./codegenNarrow.js";
import type { Piece, RowStatements, Target } from "./codegenPiece.js";
import type { Scope } from "./codegenScope.js";
import { textCall } from "./codegenText.js";
import { userCall } from "./codegenUser.js";
import type { UserFunction } from "./userFunction.js";

/**
 * Bound expressions to the statements of one row. A piece's texts are valid from the statement after it was made on, within its
 * block; parts that are evaluated only on some rows stand in a block of their own.
 */
export class RowText implements RowStatements {
  readonly scope: Scope;
  readonly input: InputText;
  readonly sites: Site[] = [];
  readonly functions: ReadonlyMap<FunctionRef, UserFunction>;
  /** The columns that `column` nodes mean: those of the batch, or of the last projection. */
  columns: readonly Piece[];
  /** The output column that is being computed, for rejects. */
  column: string | null = null;
  #lines: string[] = [];

  constructor(scope: Scope, input: InputText, columns: readonly Piece[], functions: ReadonlyMap<FunctionRef, UserFunction>) {
    this.scope = scope;
    this.input = input;
    this.columns = columns;
    this.functions = functions;
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  /** The statements so far. */
  text(): string {
    return this.#lines.join("\n");
  }

  /** Marks the place that a failure of the next statements belongs to. */
  enterSite(functionName: string | null = null): void {
    const last = this.sites.findIndex((site) => site.column === this.column && site.functionName === functionName);
    const index = last < 0 ? this.sites.push({ column: this.column, functionName }) - 1 : last;
    this.line(`at = ${index};`);
  }

  /** The text of a piece's value with null for null. */
  nullable(piece: Piece): string {
    if (piece.isNull === null) return piece.value;
    return piece.isNull === "true" ? "null" : `(${piece.isNull} ? null : ${piece.value})`;
  }

  /** Declares the result of a node that is filled in by several statements; it starts as null when it may be null. */
  declare(type: DataType, nullable: boolean): Target {
    const value = this.scope.fresh("v");
    const isNull = nullable ? this.scope.fresh("n") : null;
    this.line(`let ${value} = ${blankOf(type)};`);
    if (isNull !== null) this.line(`let ${isNull} = true;`);
    return {
      piece: { value, isNull },
      set: (text) => (isNull === null ? `${value} = ${text};` : `${value} = ${text}; ${isNull} = false;`),
    };
  }

  /** Assigns a piece to a declared result; a null piece leaves it null. */
  assign(target: Target, from: Piece): string {
    if (from.isNull === "true") return "";
    if (from.isNull === null) return target.set(from.value);
    return `if (!${from.isNull}) { ${target.set(from.value)} }`;
  }

  /** Adds the statements of an expression and gives the texts of its value. */
  emit(bound: Bound): Piece {
    switch (bound.kind) {
      case "column":
        return required(this.columns[bound.index], `column ${bound.index}`);
      case "literal":
        return this.#literal(bound);
      case "call":
        return this.#call(bound);
      case "cast":
        return this.#cast(bound);
      case "case":
        return this.#case(bound);
      case "udf":
        return userCall(this, bound);
      default:
        return assertNever(bound, "bound expression");
    }
  }

  #literal(bound: Extract<Bound, { kind: "literal" }>): Piece {
    const value = literalToValue(bound.value, bound.type);
    if (value === null) return { value: blankOf(bound.type), isNull: "true" };
    const key = `${typeName(bound.type)} ${typeof value === "object" ? JSON.stringify(bound.value) : String(value)}`;
    const text =
      typeof value === "boolean" ? String(value) : this.scope.constant(`literal ${key}${Object.is(value, -0) ? "-" : ""}`, value);
    const safe =
      typeof value === "bigint" && BigInt(Number.MIN_SAFE_INTEGER) <= value && value <= BigInt(Number.MAX_SAFE_INTEGER);
    const narrow = safe ? { narrow: this.scope.constant(`narrow ${String(value)}`, Number(value)) } : {};
    return { value: text, isNull: null, ...narrow };
  }

  #call(bound: Extract<Bound, { kind: "call" }>): Piece {
    const lazy = lazyCalls[bound.fn];
    if (lazy !== undefined) return lazy(this, bound);
    const onBytes = textCall(this, bound);
    if (onBytes !== null) return onBytes;
    const definition = scalarFunction(bound.fn);
    const args = bound.args.map((arg) => this.emit(arg));
    const fast = narrowCall(this, bound, args);
    if (fast !== null) return fast;
    if (canFail(bound, definition)) this.enterSite();
    return definition.nulls === "handles" ? this.#handling(bound, definition, args) : this.#propagating(bound, definition, args);
  }

  #handling(bound: Extract<Bound, { kind: "call" }>, definition: ScalarFunction, args: readonly Piece[]): Piece {
    const names = args.map((arg) => this.#name(this.nullable(arg)));
    const result = this.#name(this.#callText(bound, definition, names));
    return { value: result, isNull: `(${result} === null)` };
  }

  #propagating(bound: Extract<Bound, { kind: "call" }>, definition: ScalarFunction, args: readonly Piece[]): Piece {
    if (args.some((arg) => arg.isNull === "true")) return { value: blankOf(bound.type), isNull: "true" };
    const nulls = args.flatMap((arg) => (arg.isNull === null ? [] : [arg.isNull]));
    if (nulls.length === 0) {
      const names = args.map((arg) => this.#name(arg.value));
      const result = this.#name(this.#callText(bound, definition, names));
      return { value: result, isNull: definition.nullable === true ? `(${result} === null)` : null };
    }
    const target = this.declare(bound.type, true);
    this.line(`if (!(${nulls.join(" || ")})) {`);
    const names = args.map((arg) => this.#name(arg.value));
    const text = this.#callText(bound, definition, names);
    if (definition.nullable === true) {
      const result = this.#name(text);
      this.line(`if (${result} !== null) { ${target.set(result)} }`);
    } else this.line(target.set(text));
    this.line("}");
    return target.piece;
  }

  /** A name for a text, so that it is computed once. */
  #name(text: string): string {
    if (/^\w+$/.test(text)) return text;
    const name = this.scope.fresh("a");
    this.line(`const ${name} = ${text};`);
    return name;
  }

  #callText(bound: Extract<Bound, { kind: "call" }>, definition: ScalarFunction, args: readonly string[]): string {
    const call = { args: bound.args.map((arg) => arg.type), returns: bound.type, options: bound.options };
    if (definition.emit !== undefined) return definition.emit(args, call, this.scope);
    // One array serves every row: `evaluate` must not keep it.
    const list = this.scope.parameter(new Array(args.length).fill(null));
    const run = this.scope.parameter((values: readonly Value[]): Value => definition.evaluate(values, call));
    for (const [i, arg] of args.entries()) this.line(`${list}[${i}] = ${arg};`);
    return `${run}(${list})`;
  }

  #cast(bound: Extract<Bound, { kind: "cast" }>): Piece {
    const input = this.emit(bound.input);
    if (input.isNull === "true") return { value: blankOf(bound.type), isNull: "true" };
    const from = bound.input.type;
    const fast = narrowCast(input, from, bound.type);
    if (fast !== null) return fast;
    const direct = directCast(input.value, from, bound.type);
    if (direct === null && !bound.safe && castCanFail(from, bound.type)) this.enterSite();
    const { type, safe } = bound;
    const run = (): string =>
      this.scope.constant(
        `cast ${safe} ${typeName(from)} to ${typeName(type)}`,
        safe ? safeCast(from, type) : castOf(from, type),
      );
    if (input.isNull === null && !safe) return { value: this.#name(direct ?? `${run()}(${input.value})`), isNull: null };
    const target = this.declare(type, true);
    this.line(input.isNull === null ? "{" : `if (!${input.isNull}) {`);
    const result = this.#name(direct ?? `${run()}(${input.value})`);
    this.line(direct !== null ? target.set(result) : `if (${result} !== null) { ${target.set(result)} }`);
    this.line("}");
    return target.piece;
  }

  #case(bound: Extract<Bound, { kind: "case" }>): Piece {
    const target = this.declare(bound.type, true);
    const label = this.scope.fresh("l");
    this.line(`${label}: {`);
    for (const branch of bound.branches) {
      const when = this.emit(branch.when);
      if (when.isNull === "true") continue;
      this.line(`if (${when.isNull === null ? "" : `!${when.isNull} && `}${when.value}) {`);
      this.line(`${this.assign(target, this.emit(branch.then))} break ${label}; }`);
    }
    if (bound.otherwise !== null) this.line(this.assign(target, this.emit(bound.otherwise)));
    this.line("}");
    return target.piece;
  }
}

function canFail(bound: Extract<Bound, { kind: "call" }>, definition: ScalarFunction): boolean {
  if (definition.fallible !== true) return false;
  const call = { args: bound.args.map((arg) => arg.type), returns: bound.type, options: bound.options };
  return definition.failsFor?.(call) ?? true;
}

/** A value of the right JavaScript type to stand where there is none, so that a variable keeps one representation. */
export function blankOf(type: DataType): string {
  switch (valueForm(type)) {
    case "boolean":
      return "false";
    case "number":
      return "0";
    case "bigint":
      return "0n";
    case "string":
      return '""';
    default:
      return "null";
  }
}

const castOf = (from: DataType, to: DataType) => (value: Value) => castValue(value, from, to);

/** A cast that gives null where it cannot be made. */
const safeCast = (from: DataType, to: DataType) => (value: Value) => {
  try {
    return castValue(value, from, to);
  } catch (thrown) {
    if (thrown instanceof RowFailure) return null;
    throw thrown;
  }
};

const widerNumber: { readonly [from: string]: readonly string[] } = {
  int8: ["int16", "int32", "float32", "float64"],
  int16: ["int32", "float32", "float64"],
  int32: ["float64"],
  uint8: ["int16", "int32", "uint16", "uint32", "float32", "float64"],
  uint16: ["int32", "uint32", "float32", "float64"],
  uint32: ["float64"],
  float32: ["float64"],
};

/** Casts that cannot fail and need no call. */
function directCast(value: string, from: DataType, to: DataType): string | null {
  if (widerNumber[from.kind]?.includes(to.kind) === true) return value;
  if (to.kind === "int64" && widerNumber[from.kind] !== undefined && from.kind !== "float32") return `BigInt(${value})`;
  return null;
}
