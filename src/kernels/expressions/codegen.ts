import { assertNever, required } from "../../common/assert.js";
import type { Bound, FunctionRef } from "../../expr/nodes.js";
import type { EmitContext, ScalarFunction } from "../../functions/definition.js";
import { literalToValue } from "../../functions/literal.js";
import { scalarFunction } from "../../functions/registry.js";
import { type DataType, typeName, type Value, valueForm } from "../../schema/types.js";
import type { Site } from "./compileFailure.js";
import { blankOf } from "./codegenBlank.js";
import { emitCast } from "./codegenCast.js";
import { compareCall, wantFor } from "./codegenCompare.js";
import { anyNull, type Call, type InputText, type Piece, type RowStatements, type Target, type Want } from "./codegenPiece.js";
import { constantCase } from "./codegenConstants.js";
import { lazyCalls } from "./codegenLazy.js";
import { Merge } from "./codegenMerge.js";
import { narrowCall } from "./codegenNarrow.js";
import type { Scope } from "./codegenScope.js";
import { choosesText, isTextual, literalBytes, textCall, textTest } from "./codegenText.js";
import { textCast, writesText } from "./codegenTextCast.js";
import { userCall } from "./codegenUser.js";
import type { UserFunction } from "./userFunction.js";

/**
 * Bound expressions to the statements of one row. A piece's texts are valid from the statement after it was made on, within its
 * block; parts that are evaluated only on some rows stand in a block of their own.
 */
export class RowText implements RowStatements {
  readonly scope: Scope;
  readonly input: InputText;
  readonly context: EmitContext;
  readonly sites: Site[] = [];
  readonly functions: ReadonlyMap<FunctionRef, UserFunction>;
  /** The columns that `column` nodes mean: those of the batch, or of the last projection. */
  columns: readonly Piece[];
  /** The output column that is being computed, for rejects. */
  column: string | null = null;
  readonly #lines: string[] = [];

  constructor(scope: Scope, input: InputText, columns: readonly Piece[], functions: ReadonlyMap<FunctionRef, UserFunction>) {
    this.scope = scope;
    this.input = input;
    this.columns = columns;
    this.functions = functions;
    this.context = {
      constant: (key, value) => scope.constant(key, value),
      name: (text) => this.name(text),
      line: (text) => this.line(text),
    };
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  hole(): number {
    return this.#lines.push("") - 1;
  }

  fill(hole: number, text: string): void {
    this.#lines[hole] = text;
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

  /** A name for a text, so that it is computed once. */
  name(text: string): string {
    if (/^\w+$/.test(text)) return text;
    const name = this.scope.fresh("a");
    this.line(`const ${name} = ${text};`);
    return name;
  }

  /** Adds the statements of an expression and gives the texts of its value. */
  emit(bound: Bound, want: Want = "value"): Piece {
    switch (bound.kind) {
      case "column":
        return required(this.columns[bound.index], `column ${bound.index}`);
      case "literal":
        return this.#literal(bound);
      case "call":
        return this.#call(bound, want);
      case "cast":
        if (want === "text" && writesText(bound)) return textCast(this, bound);
        return emitCast(this, bound, this.emit(bound.input), blankOf(bound.type));
      case "case":
        return this.#case(bound, want);
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
    const bytes = literalBytes(bound);
    if (bytes !== null) {
      const name = this.scope.constant(`bytes of ${key}`, bytes);
      return { value: text, isNull: null, text: { bytes: name, start: "0", end: String(bytes.length) } };
    }
    const number = Number(value);
    if (typeof value !== "bigint" && (valueForm(bound.type) !== "number" || !Number.isInteger(value)))
      return { value: text, isNull: null };
    if (!Number.isSafeInteger(number) || Object.is(value, -0)) return { value: text, isNull: null };
    const narrow = this.scope.constant(`narrow ${String(number)}`, number);
    return { value: text, isNull: null, narrow: { text: narrow, min: number, max: number } };
  }

  #call(bound: Call, want: Want): Piece {
    const lazy = lazyCalls[bound.fn];
    if (lazy !== undefined) return lazy(this, bound, want === "text" && isTextual(this, bound) ? "text" : "value");
    if (want === "text" && !choosesText(bound) && isTextual(this, bound)) return textCall(this, bound);
    const onBytes = textTest(this, bound);
    if (onBytes !== null) return onBytes;
    const definition = scalarFunction(bound.fn);
    const texts = bound.args.length > 0 && wantFor(bound.args[0]?.type) === "text" && comparesText(this, bound);
    const args = bound.args.map((arg) => this.emit(arg, texts ? "text" : "value"));
    const fast = narrowCall(this, bound, args) ?? compareCall(this, bound, args);
    if (fast !== null) return fast;
    if (canFail(bound, definition)) this.enterSite();
    return definition.nulls === "handles" ? this.#handling(bound, definition, args) : this.#propagating(bound, definition, args);
  }

  #handling(bound: Call, definition: ScalarFunction, args: readonly Piece[]): Piece {
    const names = args.map((arg) => this.name(this.nullable(arg)));
    const result = this.name(this.#callText(bound, definition, names));
    return { value: result, isNull: `(${result} === null)` };
  }

  #propagating(bound: Call, definition: ScalarFunction, args: readonly Piece[]): Piece {
    const isNull = anyNull(args);
    if (isNull === "true") return { value: blankOf(bound.type), isNull };
    if (isNull === null) {
      const names = args.map((arg) => this.name(arg.value));
      const result = this.name(this.#callText(bound, definition, names));
      return { value: result, isNull: definition.nullable === true ? `(${result} === null)` : null };
    }
    const target = this.declare(bound.type, true);
    this.line(`if (!(${isNull})) {`);
    const names = args.map((arg) => this.name(arg.value));
    const text = this.#callText(bound, definition, names);
    if (definition.nullable === true) {
      const result = this.name(text);
      this.line(`if (${result} !== null) { ${target.set(result)} }`);
    } else this.line(target.set(text));
    this.line("}");
    return target.piece;
  }

  #callText(bound: Call, definition: ScalarFunction, args: readonly string[]): string {
    const call = { args: bound.args.map((arg) => arg.type), returns: bound.type, options: bound.options };
    if (definition.emit !== undefined) return definition.emit(args, call, this.context);
    // One array serves every row: `evaluate` must not keep it.
    const list = this.scope.parameter(new Array(args.length).fill(null));
    const run = this.scope.parameter((values: readonly Value[]): Value => definition.evaluate(values, call));
    for (const [i, arg] of args.entries()) this.line(`${list}[${i}] = ${arg};`);
    return `${run}(${list})`;
  }

  #case(bound: Extract<Bound, { kind: "case" }>, want: Want): Piece {
    const constant = constantCase(this, bound);
    if (constant !== null) return constant;
    const results = want === "text" && isTextual(this, bound) ? "text" : "value";
    const merge = new Merge(this, bound.type, results);
    const label = this.scope.fresh("l");
    this.line(`${label}: {`);
    for (const branch of bound.branches) {
      const when = this.emit(branch.when);
      if (when.isNull === "true") continue;
      this.line(`if (${when.isNull === null ? "" : `!${when.isNull} && `}${when.value}) {`);
      merge.take(this.emit(branch.then, results), "", `break ${label};`);
      this.line("}");
    }
    if (bound.otherwise !== null) merge.take(this.emit(bound.otherwise, results));
    this.line("}");
    return merge.finish(bound.otherwise === null);
  }
}

/** Whether a call compares texts all of which can be had as bytes. */
const comparesText = (row: RowText, call: Call): boolean =>
  comparing.has(call.fn) && call.args.every((arg) => isTextual(row, arg));

const comparing: ReadonlySet<string> = new Set([
  "eq",
  "ne",
  "lt",
  "lte",
  "gt",
  "gte",
  "between",
  "in",
  "nullIf",
  "greatest",
  "least",
]);

function canFail(bound: Call, definition: ScalarFunction): boolean {
  if (definition.fallible !== true) return false;
  const call = { args: bound.args.map((arg) => arg.type), returns: bound.type, options: bound.options };
  return definition.failsFor?.(call) ?? true;
}
