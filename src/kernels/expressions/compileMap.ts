import { type Batch, type Column, rowCount } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import type { FunctionRef } from "../../expr/nodes.js";
import { emitFastResultTest, passesUnchanged, toUser } from "../../functions/border.js";
import type { DataType, Field, Schema, Value } from "../../schema/types.js";
import { inputText, inputView } from "./codegenInput.js";
import { OutputColumn, outputEpilogue, outputPrologue, outputText } from "./codegenOutput.js";
import type { InputText } from "./codegenPiece.js";
import { compileText, Scope } from "./codegenScope.js";
import { fieldValue } from "../rows.js";
import { rowUse } from "./rowUse.js";
import { loadFunction, type UserFunction } from "./userFunction.js";

/** Told of a row whose function threw or gave what does not fit. */
export type MapFail = (row: number, thrown: unknown) => void;

/** A row object of the caller's, for functions whose use of it is not known. */
export interface RowSource {
  readonly row: object;
  bind(batch: Batch): void;
  moveTo(row: number): void;
}

/** What a loop around a `map` or `flatMap` function needs to know. */
export interface MapSpec {
  readonly fn: FunctionRef;
  readonly input: Schema;
  readonly output: Schema;
  /** Of a `flatMap`: the rows of a result, or it throws what is wrong with it. null: a result is a row. */
  readonly rowsOf: ((result: unknown) => readonly unknown[]) | null;
  /** Told of what is no row at all: it throws what is wrong with it. */
  readonly refuse: (row: unknown) => never;
  readonly view: RowSource;
}

export interface MapResult {
  readonly columns: readonly Column[];
  readonly length: number;
  /** Physical row of the input for each row of the result. */
  readonly rows: Int32Array;
}

/** A user's function from a row to a row, or to rows, in a loop made for its schemas. The result is valid until the next call. */
export interface MapKernel {
  run(batch: Batch, fail: MapFail): MapResult;
}

/**
 * Compiles a `map` or `flatMap`. Where its source shows how it uses the row, the row is an object that holds just that; it is made and read in one
 * function with the user's own, so that it need not exist at all once that is optimised.
 * @throws MillraceError as `loadFunction`
 */
export async function compileMap(spec: MapSpec): Promise<MapKernel> {
  const { fn, input } = spec;
  const names = input.map((field) => propertyName(field.name));
  const use = fn.kind === "source" ? rowUse(fn.source, names) : null;
  if (use === null || fn.kind !== "source") return new CompiledMap(spec, await loadFunction(fn), null, new Set());
  const captured = Object.fromEntries([
    ...Object.entries(fn.captured),
    ...use.parameters.map((name, i) => [name, { kind: "json", value: names[i] ?? "" }] as const),
  ]);
  const call = await loadFunction({ ...fn, source: use.source, captured });
  const { columns } = use;
  const read = input.flatMap((field, i) => (columns === "all" || columns.has(field.name) ? [i] : []));
  // What a function captured by that name is called in place of the standard one.
  const numbers = Object.hasOwn(fn.captured, "Number") ? new Set<string>() : use.numbers;
  return new CompiledMap(spec, call, read, numbers);
}

/** Of a batch that gave more rows, the next one makes its room anew. */
const mostRoom = 2 ** 18;

/** Statements that make a row's one row. */
const oneRow = (move: string, call: string, refuse: string, take: string): string => `try {
${move}
const r = ${call};
if (typeof r !== "object" || r === null || r instanceof Promise || Array.isArray(r)) ${refuse}(r);
${take}
} catch (thrown) { fail(i, thrown); }`;

/** Statements that make a row's rows: all of them, or none. The loop ends before them where there is no room. */
const manyRows = (move: string, call: string, refuse: string, take: string): string => `const first = n;
try {
let made = at.waiting;
if (made === null) {
${move}
made = ${call};
} else at.waiting = null;
if (n + made.length > at.room) { at.waiting = made; break; }
for (let k = 0; k < made.length; k++) {
const r = made[k];
if (typeof r !== "object" || r === null || Array.isArray(r)) ${refuse}(r);
${take}
}
} catch (thrown) { n = first; fail(i, thrown); }`;

type Loop = (
  columns: readonly Column[],
  views: readonly unknown[],
  outputs: readonly OutputColumn[],
  select: Int32Array | null,
  live: number,
  rows: Int32Array,
  fail: MapFail,
  at: Position,
) => boolean;

/** Where a loop begins, and where it ended: for want of room before row `row` of the live ones, whose rows wait, or behind the last one. */
interface Position {
  row: number;
  /** Rows of the result so far. */
  length: number;
  /** Rows that there is room for. */
  room: number;
  waiting: readonly unknown[] | null;
}

class CompiledMap implements MapKernel {
  readonly #spec: MapSpec;
  readonly #call: UserFunction;
  /** The columns that the row object holds; null: the caller's row is used. */
  readonly #read: readonly number[] | null;
  /** Columns whose bigints the function may be given as numbers. */
  readonly #numbers: ReadonlySet<string>;
  readonly #outputs: readonly OutputColumn[];
  readonly #loops = new Map<string, Loop>();
  /** Rows that the last batch gave. */
  #room = 0;

  constructor(spec: MapSpec, call: UserFunction, read: readonly number[] | null, numbers: ReadonlySet<string>) {
    this.#spec = spec;
    this.#call = call;
    this.#read = read;
    this.#numbers = numbers;
    this.#outputs = spec.output.map((field) => new OutputColumn(field.type));
  }

  run(batch: Batch, fail: MapFail): MapResult {
    const { columns, selection } = batch;
    const live = rowCount(batch);
    const read = this.#read ?? [];
    const nullable = new Set(read.filter((index) => required(columns[index], "column").valid !== null));
    const key = `${selection !== null} ${[...nullable].join()}`;
    let loop = this.#loops.get(key);
    if (loop === undefined) {
      loop = this.#generate(selection !== null, nullable);
      this.#loops.set(key, loop);
    }
    if (this.#read === null) this.#spec.view.bind(batch);
    const room = this.#spec.rowsOf === null ? live : Math.max(live, this.#room);
    for (const output of this.#outputs) output.prepare(room);
    const views: unknown[] = new Array(columns.length).fill(null);
    for (const index of read) views[index] = inputView(required(columns[index], "column"));
    let rows = new Int32Array(room);
    const at: Position = { row: 0, length: 0, room, waiting: null };
    while (!loop(columns, views, this.#outputs, selection, live, rows, fail, at)) {
      at.room = Math.max(at.room * 2, at.length + required(at.waiting, "rows that wait").length);
      for (const output of this.#outputs) output.extend(at.room);
      const more = new Int32Array(at.room);
      more.set(rows);
      rows = more;
    }
    const { length } = at;
    this.#room = Math.min(length, mostRoom);
    const result = this.#outputs.map((output, i) => output.take(length, this.#spec.output[i]?.nullable !== false));
    return { columns: result, length, rows: rows.subarray(0, length) };
  }

  #generate(selected: boolean, nullable: ReadonlySet<number>): Loop {
    const { input, output, view, refuse, rowsOf } = this.#spec;
    const scope = new Scope();
    const read = this.#read ?? [];
    const text = inputText(input, read, { selected, nullable, narrow: new Map() });
    const names = read.map((index) => scope.parameter(propertyName(required(input[index], "field").name)));
    const fill = read.map((index, at) => {
      const { name, type } = required(input[index], "field");
      return `row[${names[at]}] = ${argument(scope, text, index, type, this.#numbers.has(name))};`;
    });
    const row = this.#read === null ? `const row = ${scope.parameter(view.row)};` : blankRow(names);
    const move = this.#read === null ? `${scope.parameter((i: number) => view.moveTo(i))}(i);` : fill.join("\n");
    const writes = output.map((field, slot) =>
      outputText(slot, field.type, { value: `f${slot}`, isNull: nullFlag(field, slot) }),
    );
    const call = `${scope.parameter(this.#call)}(row)`;
    const take = `${output.map((field, slot) => this.#field(scope, field, slot)).join("\n")}
rows[n] = i;
{ const i = n; ${writes.join("\n")} }
n++;`;
    const body = `"use strict";
${scopeLater}
return function map(columns, views, outputs, select, live, rows, fail, at) {
${text.prologue}
${output.map((field, slot) => outputPrologue(slot, field.type, field.nullable)).join("\n")}
let n = at.length, j = at.row;
${row}
for (; j < live; j++) {
const i = ${selected ? "select[j]" : "j"};
${text.rowPrologue}
${rowsOf === null ? oneRow(move, call, scope.parameter(refuse), take) : manyRows(move, `${scope.parameter(rowsOf)}(${call})`, scope.parameter(refuse), take)}
}
${output.map((field, slot) => outputEpilogue(slot, field.nullable)).join("\n")}
at.length = n;
at.row = j;
return j === live;
};`;
    return compileText(scope.names, body.replace(scopeLater, scope.prologue))(...scope.values) as Loop;
  }

  /** Statements that take a column's value out of the result, checked. */
  #field(scope: Scope, field: Field, slot: number): string {
    const where = `function ${this.#spec.fn.name}`;
    const convert = scope.parameter((value: unknown): Value => fieldValue(value, field, where));
    const value = `f${slot}`;
    const fast = emitFastResultTest(value, field.type) ?? "false";
    const flag = nullFlag(field, slot);
    const known = flag === null ? "" : ` ${flag} = ${value} === null;`;
    return (
      `let ${value} = r[${scope.parameter(propertyName(field.name))}]${flag === null ? "" : `, ${flag} = false`};\n` +
      `if (!${fast}) { ${value} = ${convert}(${value});${known} }`
    );
  }
}

/** A name as the engine keeps the names of properties: looked up by any other copy of the string, it is searched for each time. */
const propertyName = (name: string): string => Object.keys({ [name]: null })[0] ?? name;

/** Stands in the text for the constants, which are known once the text is. */
const scopeLater = "/* constants */";

const nullFlag = (field: Field, slot: number): string | null => (field.nullable ? `m${slot}` : null);

/** One object with every property from the start, so that it keeps one hidden class. */
const blankRow = (names: readonly string[]): string => `const row = { ${names.map((name) => `[${name}]: null`).join(", ")} };`;

/** A column's value as the user gets it; `asNumber`: a bigint as the number that `Number` makes of it. */
function argument(scope: Scope, text: InputText, index: number, type: DataType, asNumber: boolean): string {
  const unchanged = (asNumber ? text.nearest(index) : null) ?? text.value(index);
  const value = passesUnchanged(type)
    ? unchanged
    : `${scope.parameter((inner: Value): unknown => toUser(inner, type))}(${unchanged})`;
  const isNull = text.isNull(index);
  return isNull === null ? value : `(${isNull} ? null : ${value})`;
}
