import { codedColumn, codesOf, textColumn } from "../../batch/coded.js";
import { type Batch, type BytesColumn, type Column, rowCount } from "../../batch/column.js";
import type { TextSink } from "../../batch/text.js";
import { required } from "../../common/assert.js";
import type { Bound, FunctionRef } from "../../expr/nodes.js";
import { someBound, visitBound } from "../../expr/walk.js";
import { type Schema, types, valueForm } from "../../schema/types.js";
import type { RowOp } from "../../task/protocol.js";
import { failureOf, type RowFail, type Site } from "./compileFailure.js";
import type { RowsKernel, RowsResult } from "./compileKernel.js";
import { FieldRows, openFields } from "./compileFields.js";
import { interpretedRows } from "./compileInterpreted.js";
import { RowText } from "./codegen.js";
import { codedView, inputPiece, type InputShape, inputText, inputView, narrowBits, widest } from "./codegenInput.js";
import { OutputColumn, outputEpilogue, outputPrologue, outputText } from "./codegenOutput.js";
import { type Compiler, compileText, Scope } from "./codegenScope.js";
import { loadFunction, type UserFunction } from "./userFunction.js";

export interface CompileOptions {
  /** Run the reference meaning row by row instead of generated code. */
  readonly interpreted?: boolean;
  readonly loadFunction?: (ref: FunctionRef) => Promise<UserFunction>;
  readonly compiler?: Compiler;
}

/**
 * Compiles row-wise work to one loop. The loop's text depends on the shape of a batch (which columns have nulls, whether it has a
 * selection), so it is made once a shape.
 */
export async function compileRows(
  ops: readonly RowOp[],
  inputSchema: Schema,
  outputSchema: Schema,
  options: CompileOptions = {},
): Promise<RowsKernel> {
  const functions = await loadFunctions(ops, options.loadFunction ?? loadFunction);
  if (options.interpreted === true) return interpretedRows(ops, outputSchema, functions);
  const compiler = options.compiler ?? compileText;
  const plain = new CompiledRows(ops, inputSchema, outputSchema, functions, compiler);
  const chain = openFields(ops, inputSchema);
  if (chain === null) return plain;
  const opened = new CompiledRows(chain.ops, chain.schema, outputSchema, functions, compiler);
  return new FieldRows(opened, plain, chain, outputSchema.length);
}

/** Every expression of a chain. */
export const expressionsOf = (ops: readonly RowOp[]): readonly Bound[] =>
  ops.flatMap((op) => (op.kind === "filter" ? [op.predicate] : op.columns.map((column) => column.expr)));

/** Loads each user function that the chain calls, once. */
export async function loadFunctions(
  ops: readonly RowOp[],
  load: (ref: FunctionRef) => Promise<UserFunction>,
): Promise<ReadonlyMap<FunctionRef, UserFunction>> {
  const refs: FunctionRef[] = [];
  for (const expr of expressionsOf(ops)) visitBound(expr, (node) => node.kind === "udf" && refs.push(node.fn));
  const byHash = new Map<string, UserFunction>();
  const loaded = new Map<FunctionRef, UserFunction>();
  for (const ref of refs) {
    const key = `${ref.kind} ${ref.hash} ${ref.name}`;
    const fn = byHash.get(key) ?? (await load(ref));
    byHash.set(key, fn);
    loaded.set(ref, fn);
  }
  return loaded;
}

interface Counts {
  kept: number;
  filtered: number;
  rejected: number;
}

type Loop = (
  columns: readonly Column[],
  views: readonly unknown[],
  outputs: readonly OutputColumn[],
  select: Int32Array | null,
  from: number,
  to: number,
  selected: Int32Array,
  counts: Counts,
  fail: (row: number, site: number, thrown: unknown) => void,
) => void;

interface Program {
  readonly loop: Loop | null;
  readonly sites: readonly Site[];
  /** Texts that the loop makes; empty when it begins. */
  readonly sinks: readonly TextSink[];
  /** Where each output column comes from: an input column, or computed slot `slot`. */
  readonly results: readonly Result[];
}

type Result =
  | { readonly from: "input"; readonly column: number }
  | { readonly from: "slot"; readonly slot: number; readonly nullable: boolean; readonly texts: TextSink | null }
  | { readonly from: "codes"; readonly slot: number; readonly texts: BytesColumn };

/** The loop for a batch. */
interface Choice {
  readonly shape: InputShape;
  readonly program: Program;
  readonly isNew: boolean;
}

/** Past this many loops for a chain, batches no longer get one for just the sizes of their numbers. */
const mostExact = 64;

/** Calls with no row, which take a tenth of a millisecond. */
const warmCalls = 64;
const warmRows = 1024;
const cannotFail = (): never => {
  throw new TypeError("a loop over no rows has failed");
};

const widened = (narrow: InputShape["narrow"]): InputShape["narrow"] =>
  new Map([...narrow.keys()].map((index) => [index, widest]));

class CompiledRows implements RowsKernel {
  readonly #ops: readonly RowOp[];
  readonly #inputSchema: Schema;
  readonly #outputSchema: Schema;
  readonly #functions: ReadonlyMap<FunctionRef, UserFunction>;
  readonly #compiler: Compiler;
  readonly #used: readonly number[];
  readonly #wide: readonly number[];
  /** Text columns that the chain reads. */
  readonly #texts: readonly number[];
  /** Constant texts by output column, the same ones for every batch. */
  readonly #constants: (BytesColumn | undefined)[] = [];
  readonly #programs = new Map<string, Program>();
  readonly #outputs: OutputColumn[] = [];
  readonly #counts: Counts = { kept: 0, filtered: 0, rejected: 0 };
  #selected = new Int32Array(0);
  /** What the loop of the last batch depends on: whether rows are selected, then each used column. */
  readonly #facts: Int32Array;
  #last: Choice | null = null;

  constructor(
    ops: readonly RowOp[],
    inputSchema: Schema,
    outputSchema: Schema,
    functions: ReadonlyMap<FunctionRef, UserFunction>,
    compiler: Compiler,
  ) {
    this.#ops = ops;
    this.#inputSchema = inputSchema;
    this.#outputSchema = outputSchema;
    this.#functions = functions;
    this.#compiler = compiler;
    this.#used = columnsRead(ops, inputSchema.length);
    this.#texts = this.#used.filter((index) => inputSchema[index]?.type.kind === "utf8");
    const days = castsDates(ops);
    this.#wide = this.#used.filter((index) => {
      const type = inputSchema[index]?.type ?? types.null;
      return valueForm(type) === "bigint" || (days && type.kind === "date");
    });
    this.#facts = new Int32Array(this.#used.length + 1).fill(-1);
  }

  run(batch: Batch, fail: RowFail): RowsResult {
    const { columns, selection, length } = batch;
    const isLike = this.#readFacts(batch);
    const known = isLike ? this.#last : null;
    const { shape, program, isNew } = known ?? this.#programFor(batch);
    if (known === null) this.#last = { shape, program, isNew: false };
    const { loop, sites, sinks, results } = program;
    const live = rowCount(batch);
    const counts = this.#counts;
    counts.kept = live;
    counts.filtered = 0;
    counts.rejected = 0;
    if (loop !== null) {
      if (this.#selected.length < live) this.#selected = new Int32Array(live);
      for (const output of this.#outputs) output.prepare(length);
      for (const sink of sinks) sink.length = 0;
      const views = this.#viewsOf(columns, shape);
      const failed = (row: number, site: number, thrown: unknown) =>
        fail(row, failureOf(thrown, required(sites[site], "failure site")));
      counts.kept = 0;
      const each = isNew ? this.#warm(loop, views, batch) : live;
      for (let from = 0; from < live; from += each)
        loop(columns, views, this.#outputs, selection, from, Math.min(live, from + each), this.#selected, counts, failed);
    }
    const out = results.map((result) =>
      result.from === "input" ? required(columns[result.column], "input column") : this.#take(result, length),
    );
    const kept = counts.kept === live ? selection : this.#selected.subarray(0, counts.kept);
    return {
      batch: { schema: this.#outputSchema, length, columns: out, selection: kept, origin: batch.origin },
      filtered: counts.filtered,
      rejected: counts.rejected,
    };
  }

  /**
   * Rows for each call of a new loop. One call over all of them would be compiled twice: inside the loop, and then for the next call. And what stands
   * behind the loop must have run: the JIT throws away what it made without. It takes notice of what runs only once a function has run for a while.
   */
  #warm(loop: Loop, views: readonly unknown[], { columns, selection }: Batch): number {
    for (let k = 0; k < warmCalls; k++)
      loop(columns, views, this.#outputs, selection, 0, 0, this.#selected, this.#counts, cannotFail);
    return warmRows;
  }

  #take(result: Exclude<Result, { readonly from: "input" }>, length: number): Column {
    const output = required(this.#outputs[result.slot], "output column");
    if (result.from === "slot") return output.take(length, result.nullable, result.texts);
    return codedColumn({ codes: (output.values as Uint8Array).subarray(0, length), texts: result.texts }, length);
  }

  /** Notes what a batch's loop depends on, and says whether that is what the last one's did: most batches are like the one before. */
  #readFacts({ columns, selection }: Batch): boolean {
    const facts = this.#facts;
    let isLike = facts[0] === (selection === null ? 0 : 1);
    facts[0] = selection === null ? 0 : 1;
    for (let k = 0; k < this.#used.length; k++) {
      const index = this.#used[k] as number;
      const column = required(columns[index], "column of the batch");
      const coded = codesOf(column);
      const width = coded !== null && this.#texts.includes(index) ? coded.codes.BYTES_PER_ELEMENT : 0;
      const nulls = (coded?.texts ?? column).valid === null ? 0 : 1;
      const bits = this.#wide.includes(index) ? (narrowBits(column) ?? -1) : -1;
      const fact = (bits + 1) * 8 + width * 2 + nulls;
      if (facts[k + 1] !== fact) isLike = false;
      facts[k + 1] = fact;
    }
    return isLike;
  }

  #programFor(batch: Batch): Choice {
    const exact = this.#shapeOf(batch);
    const shape = this.#programs.size < mostExact ? exact : { ...exact, narrow: widened(exact.narrow) };
    const coded = [...(shape.coded ?? [])].flat().join();
    const key = `${shape.selected} ${[...shape.nullable].join()} ${[...shape.narrow].flat().join()} ${coded}`;
    const known = this.#programs.get(key);
    if (known !== undefined) return { shape, program: known, isNew: false };
    const program = this.#generate(shape);
    this.#programs.set(key, program);
    return { shape, program, isNew: true };
  }

  #shapeOf(batch: Batch): InputShape {
    const column = (index: number): Column => required(batch.columns[index], `column ${index} of the batch`);
    const coded = new Map<number, number>();
    for (const index of this.#texts) {
      const codes = codesOf(column(index))?.codes;
      if (codes !== undefined) coded.set(index, codes.BYTES_PER_ELEMENT);
    }
    // What a coded column says of each row is worked out when it is asked.
    const hasNulls = (index: number): boolean => (codesOf(column(index))?.texts ?? column(index)).valid !== null;
    return {
      selected: batch.selection !== null,
      coded,
      nullable: new Set(this.#used.filter(hasNulls)),
      narrow: new Map(
        this.#wide.flatMap((index) => {
          const bits = narrowBits(column(index));
          return bits === null ? [] : [[index, bits] as const];
        }),
      ),
    };
  }

  #viewsOf(columns: readonly Column[], shape: InputShape): readonly unknown[] {
    const views: unknown[] = new Array(columns.length).fill(null);
    for (const index of this.#used) {
      const column = required(columns[index], "column");
      const coded = shape.coded?.has(index) === true ? codesOf(column) : null;
      views[index] = coded === null ? inputView(column) : codedView(coded);
    }
    return views;
  }

  #generate(shape: InputShape): Program {
    const scope = new Scope();
    const input = inputText(this.#inputSchema, this.#used, shape);
    const start = this.#inputSchema.map((_, index) => inputPiece(input, index));
    const row = new RowText(scope, input, start, this.#functions);
    for (const op of this.#ops) emitOp(row, op);
    const results: Result[] = [];
    const writes: string[] = [];
    const prologue = [input.prologue];
    const epilogue: string[] = [];
    for (const [i, piece] of row.columns.entries()) {
      if (piece.column !== undefined) {
        results.push({ from: "input", column: piece.column });
        continue;
      }
      const { type } = required(this.#outputSchema[i], `output column ${i}`);
      const slot = results.filter((result) => result.from !== "input").length;
      if (piece.coded !== undefined && type.kind === "utf8") {
        const texts = this.#constants[i] ?? textColumn(type, piece.coded.texts);
        this.#constants[i] = texts;
        results.push({ from: "codes", slot, texts });
        this.#outputs[slot] ??= new OutputColumn(types.uint8);
        prologue.push(outputPrologue(slot, types.uint8, false));
        writes.push(outputText(slot, types.uint8, { value: piece.coded.code, isNull: null }));
        continue;
      }
      const nullable = piece.isNull !== null;
      const texts = piece.text?.sink === undefined ? null : (scope.valueOf(piece.text.sink) as TextSink);
      results.push({ from: "slot", slot, nullable, texts });
      this.#outputs[slot] ??= new OutputColumn(type);
      prologue.push(outputPrologue(slot, type, nullable));
      writes.push(outputText(slot, type, piece));
      epilogue.push(outputEpilogue(slot, nullable));
    }
    if (this.#ops.every((op) => op.kind === "project") && writes.length === 0 && row.text() === "")
      return { loop: null, sites: [], sinks: [], results };
    const body = loopText(
      scope.prologue,
      shape,
      [...prologue, scope.opening].join("\n"),
      [input.rowPrologue, row.text(), ...writes].join("\n"),
      epilogue.join("\n"),
      row.sites.length > 0,
    );
    const loop = this.#compiler(scope.names, body)(...scope.values) as Loop;
    return { loop, sites: row.sites, sinks: scope.sinks, results };
  }
}

function emitOp(row: RowText, op: RowOp): void {
  if (op.kind === "project") {
    row.columns = op.columns.map(({ name, expr }) => {
      row.column = name;
      return row.emit(expr, "text");
    });
    return;
  }
  row.column = null;
  const piece = row.emit(op.predicate);
  if (piece.isNull === "true") row.line("filtered++; if (true) continue;");
  else row.line(`if (${piece.isNull === null ? "" : `${piece.isNull} || `}!${piece.value}) { filtered++; continue; }`);
}

function loopText(
  constants: string,
  shape: InputShape,
  prologue: string,
  body: string,
  epilogue: string,
  fallible: boolean,
): string {
  const step = `${body}\nselected[kept++] = i;`;
  const guarded = fallible ? `try {\n${step}\n} catch (thrown) { rejected++; fail(i, at, thrown); }` : step;
  return `"use strict";
${constants}
return function rows(columns, views, outputs, select, from, to, selected, counts, fail) {
${prologue}
let kept = counts.kept, filtered = counts.filtered, rejected = counts.rejected, at = 0;
for (let j = from; j < to; j++) {
const i = ${shape.selected ? "select[j]" : "j"};
${guarded}
}
${epilogue}
counts.kept = kept; counts.filtered = filtered; counts.rejected = rejected;
};`;
}

/** Whether a chain makes timestamps of dates: then the range of its dates matters. */
const castsDates = (ops: readonly RowOp[]): boolean =>
  expressionsOf(ops).some((expr) => someBound(expr, (node) => node.type.kind === "timestamp" && node.kind !== "column"));

/** Input columns that a chain reads beyond passing them on: those before its first projection, and those the projection itself reads. */
function columnsRead(ops: readonly RowOp[], width: number): readonly number[] {
  const used = new Set<number>();
  // Which input column each current column is, where it is one.
  let current: (number | null)[] = Array.from({ length: width }, (_, i) => i);
  const read = (bound: Bound): void =>
    visitBound(bound, (node) => {
      const column = node.kind === "column" ? current[node.index] : null;
      if (typeof column === "number") used.add(column);
    });
  for (const op of ops) {
    if (op.kind === "filter") read(op.predicate);
    else {
      for (const { expr } of op.columns) if (expr.kind !== "column") read(expr);
      current = op.columns.map(({ expr }) => (expr.kind === "column" ? (current[expr.index] ?? null) : null));
    }
  }
  return [...used].sort((a, b) => a - b);
}
