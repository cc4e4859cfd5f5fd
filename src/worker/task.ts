import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { threadId } from "node:worker_threads";
import { type Batch, rowCount } from "../batch/column.js";
import { required } from "../common/assert.js";
import { MillraceError } from "../common/errors.js";
import { exchangeWriter } from "../exchange/codec.js";
import { HoldingBudget, holdFile, releaseFiles } from "../exchange/heldFiles.js";
import { openPart } from "../exchange/openPart.js";
import type { BatchReader, BatchWriter } from "../io/contracts.js";
import { keptBatchViews } from "../kernels/kernelViews.js";
import { createOperator } from "../operators/createOperator.js";
import type { Operator } from "../operators/operator.js";
import { threadReservations } from "../runtime/reservations.js";
import type { Schema } from "../schema/types.js";
import { TaskControl } from "../task/control.js";
import { writesExchange } from "../task/fileSteps.js";
import { leadingFilter } from "../task/leadingFilter.js";
import type { FileWritten, Step, StepResult, TaskResult, TaskSpec } from "../task/protocol.js";
import { HeapLimit } from "./heapLimit.js";
import { poisonedIn, probeSlices, withoutRows } from "./poison.js";
import { functionHash, RowFinder } from "./rejectOrigin.js";
import { RejectLog } from "./rejects.js";
import { RequiredRows } from "./requiredRows.js";
import { ofScratch } from "./scratchError.js";

interface RowFailureData {
  readonly code: string;
  readonly message: string;
  readonly column?: string | null;
  readonly functionName?: string | null;
}

/** A step at work: an operator that gives rows on, or a writer that ends a branch. */
interface Node {
  readonly step: Step;
  readonly operator: Operator | null;
  readonly writer: BatchWriter | null;
  readonly readers: number[];
  files: readonly FileWritten[];
  rowsWritten: number;
}

/** Runs one task to its end: every batch of its partition through every step, in order. */
export async function executeTask(spec: TaskSpec): Promise<TaskResult> {
  threadReservations.limit(spec.options.kernelBytes ?? Number.POSITIVE_INFINITY);
  const run = new TaskRun(spec);
  try {
    return await run.execute();
  } catch (error) {
    await run.abort();
    throw spec.fromSource ? error : ofScratch(error);
  } finally {
    releaseFiles((spec.options.held ?? []).map(([path]) => path));
  }
}

/** Rows are known to a verdict by how many come before them, which such a record would change. */
const poisonedVerdict = (cause: string) =>
  new MillraceError("Data", "RECORD_POISONED", `a record ends every worker that works on it: ${cause}`, {
    hint: "Such a record cannot be left out below a check of several rows that sets rows aside: repair it, or the function.",
  });

class TaskRun {
  private readonly nodes: Node[] = [];
  private readonly roots: number[] = [];
  private readonly rejects: RejectLog;
  private readonly rows: RowFinder;
  private reader: BatchReader | null = null;
  private enough = false;
  private readonly control: TaskControl;
  private readonly holding: HoldingBudget | null;
  private readonly heap: HeapLimit;
  /** Rows that the reader has given. */
  private rowsRead = 0;
  /** Of them, those that were rejected unseen. */
  private poisoned = 0;
  private readonly required: RequiredRows | null;
  /** Rows that lack a value that they must have. */
  private incomplete = 0;
  private readonly timing = { startMs: Date.now(), readMs: 0, computeMs: 0, writeMs: 0 };

  constructor(private readonly spec: TaskSpec) {
    this.rejects = new RejectLog(spec.scan.source.spec.onReject, spec.rejectFile);
    this.rows = new RowFinder(spec.part, spec.scan.source.spec.format, spec.fromSource);
    this.required = RequiredRows.of(spec.scan, spec.fromSource);
    this.control = new TaskControl(spec.options.control);
    const { heapBytes = Number.POSITIVE_INFINITY, holding } = spec.options;
    this.heap = new HeapLimit(heapBytes);
    this.holding = holding === undefined ? null : new HoldingBudget(holding);
    this.control.begin(threadId, this.timing.startMs);
  }

  async execute(): Promise<TaskResult> {
    const { spec } = this;
    for (const [path, file] of spec.options.held ?? []) holdFile(path, file);
    for (const step of spec.steps) await this.addNode(step);
    const readBy = { stage: spec.stageName, attempt: spec.attempt };
    // What lacks a required value is rejected, not filtered.
    const condition = this.required === null ? leadingFilter(spec.steps) : null;
    const reader = await openPart(this.required?.scan ?? spec.scan, spec.part, {
      batchRows: spec.options.batchRows,
      partition: spec.partition,
      where: condition === null ? null : { condition, interpreted: spec.options.interpreted },
      fewBatches: spec.steps.some(({ op }) => op === "join"),
      reject: (reject, raw) => {
        if (!this.rejects.passesOver(spec.again?.scan))
          this.rejects.take(reject, raw === null ? null : { kind: "bytes", bytes: raw }, undefined, readBy);
      },
      rejectAll: (records) => {
        if (!this.rejects.passesOver(spec.again?.scan)) this.rejects.takeAll(records, readBy);
      },
    });
    this.reader = reader;
    const cancel = spec.options.cancel === null ? null : new Int32Array(spec.options.cancel);
    for (;;) {
      if (this.control.stopped || (cancel !== null && Atomics.load(cancel, 0) !== 0))
        throw new MillraceError("Cancelled", "RUN_CANCELLED", "the run was stopped");
      this.control.enter("reading");
      const before = performance.now();
      const next = reader.next();
      const batch = next instanceof Promise ? await next : next;
      this.timing.readMs += performance.now() - before;
      if (batch === null) break;
      await this.take(this.complete(this.rows.enter(batch)));
      this.enough = this.roots.every((root) => this.isSatisfied(root));
      if (this.enough) break;
    }
    this.control.enter("ending");
    await this.flush();
    await reader.close();
    this.reader = null;
    return this.result(reader);
  }

  /** Ends all that is open. One that cannot be ended keeps no other from it. */
  async abort(): Promise<void> {
    const ends = [
      () => this.rejects.discard(),
      ...this.nodes.flatMap(({ writer, operator }) => [() => writer?.abort(), () => operator?.abort?.()]),
      () => this.reader?.close(),
    ];
    for (const end of ends) {
      try {
        await end();
      } catch {
        // What made the task fail is told; whoever asked for it removes what stays of its files.
      }
    }
  }

  private async addNode(step: Step): Promise<void> {
    const { spec } = this;
    const index = this.nodes.length;
    const schema = this.schemaOf(step.input);
    let operator: Operator | null = null;
    let writer: BatchWriter | null = null;
    if (step.op === "exchange") {
      mkdirSync(dirname(step.file), { recursive: true });
      writer = exchangeWriter(schema, step.file, step.format, this.holding);
    } else if (step.op === "sink") {
      mkdirSync(step.directory, { recursive: true });
      const { openWriter } = await import("../io/sink/sinks.js");
      const { partition } = spec;
      const shared = step.shared === undefined ? {} : { shared: { file: step.shared, partition } };
      const { sink, directory, packed = false } = step;
      writer = openWriter(sink, schema, directory, partition, { sharesReader: true, packed, ...shared });
    } else {
      const { part, scan } = spec;
      operator = await createOperator(step, schema, {
        interpreted: spec.options.interpreted,
        partition: spec.partition,
        fromSource: spec.fromSource,
        runId: spec.runId,
        ...(part.kind === "keyed"
          ? { buckets: { paths: scan.source.files.map(({ path }) => path), part, beside: scan.beside ?? null } }
          : {}),
        holding: this.holding,
        sharesReader: this.isFromReader(step.input),
        isUnique: (join) => this.node(join).operator?.unique === true,
        reject: (batch: Batch, row: number, failure: RowFailureData) => this.rejectRow(index, batch, row, failure),
      });
    }
    this.nodes.push({ step, operator, writer, readers: [], files: [], rowsWritten: 0 });
    if (step.input < 0) this.roots.push(index);
    else this.node(step.input).readers.push(index);
  }

  /** Whether an input comes from the reader through nothing but steps that are done with a batch before they give it on. */
  private isFromReader(input: number): boolean {
    const { options } = this.spec;
    // Parts of the reader's batches go to the steps, not the batches themselves.
    if (options.probe !== undefined || (options.poisoned?.length ?? 0) > 0) return false;
    const before = this.nodes[input];
    if (before === undefined) return true;
    const { op } = before.step;
    const isDone = op === "rows" || op === "expect" || (op === "join" && before.operator?.unique === true);
    return isDone && this.isFromReader(before.step.input);
  }

  private node(index: number): Node {
    return required(this.nodes[index], "step");
  }

  private schemaOf(input: number): Schema {
    if (input < 0) return this.spec.scan.schema;
    const { step } = this.node(input);
    if (step.op === "sink" || writesExchange(step)) throw new TypeError("a writer gives no rows on");
    return step.schema;
  }

  /** The rows that have what they must have; the others are rejected. */
  private complete(batch: Batch): Batch {
    if (this.required === null) return batch;
    const gone = this.required.judge(batch);
    this.incomplete += gone.length;
    for (const { row, column, message } of gone) this.rejectRead(batch, row, { code: "REQUIRED_MISSING", message, column });
    return this.required.rest(batch, gone);
  }

  private async take(batch: Batch): Promise<void> {
    const { probe, poisoned = [] } = this.spec.options;
    const first = this.rowsRead;
    this.rowsRead += batch.length;
    if (rowCount(batch) === 0) return;
    const gone = poisonedIn(batch, first, poisoned);
    const rest = gone.length === 0 ? batch : withoutRows(batch, first, gone);
    if (probe === undefined) {
      for (const { row, message } of gone) this.rejectPoisoned(batch, row - first, message);
      this.control.feeding(first, batch.length);
      await this.feedAll(this.roots, rest);
      await this.heap.check();
      return;
    }
    for (const slice of probeSlices(rest, first, probe)) {
      this.control.feeding(slice.from, slice.rows);
      await this.feedAll(this.roots, slice.batch);
      await this.heap.check();
    }
  }

  private rejectPoisoned(batch: Batch, row: number, cause: string): void {
    if (this.spec.steps.some((step) => step.op === "expect" && step.verdicts !== undefined)) throw poisonedVerdict(cause);
    const message = `this record ends every worker that works on it: ${cause}`;
    this.poisoned++;
    this.rejectRead(batch, row, { code: "RECORD_POISONED", message });
  }

  /** Rejects a row that no step has seen. */
  private rejectRead(batch: Batch, row: number, { code, message, column = null }: RowFailureData): void {
    if (this.rejects.passesOver(this.spec.again?.scan)) return;
    const { stageName: stage, attempt } = this.spec;
    const { place, raw } = this.rows.find(batch, row, this.rejects.wantsRaw);
    this.rejects.take({ ...place, stage, column, code, message, functionName: null, functionHash: null, attempt }, raw);
  }

  /** Each may make the memory grow that the batch lies in: the next one gets it as it is then. */
  private async feedAll(readers: readonly number[], batch: Batch): Promise<void> {
    const [first, ...others] = readers;
    if (first === undefined) return;
    const again = others.length === 0 ? null : keptBatchViews(batch);
    await this.feed(first, batch);
    for (const reader of others) await this.feed(reader, again?.() ?? batch);
  }

  private async feed(index: number, batch: Batch): Promise<void> {
    const node = this.node(index);
    const before = performance.now();
    if (node.writer !== null) {
      node.rowsWritten += rowCount(batch);
      await node.writer.write(batch);
      this.timing.writeMs += performance.now() - before;
      return;
    }
    let out = await node.operator?.push(batch);
    this.timing.computeMs += performance.now() - before;
    while (out != null && rowCount(out) > 0) {
      await this.feedAll(node.readers, out);
      out = node.operator?.more?.();
    }
  }

  /** Operators first, in step order, so that what one gives up at its end still passes the later ones; then the writers. */
  private async flush(): Promise<void> {
    for (const node of this.nodes) {
      const before = performance.now();
      const out = await node.operator?.flush();
      this.timing.computeMs += performance.now() - before;
      if (out != null && rowCount(out) > 0) await this.feedAll(node.readers, out);
    }
    for (const node of this.nodes) {
      const before = performance.now();
      if (node.writer !== null) node.files = await node.writer.finish();
      this.timing.writeMs += performance.now() - before;
    }
  }

  /** Whether nothing below a step wants more rows (every branch ends in a limit that is full). */
  private isSatisfied(index: number): boolean {
    const node = this.node(index);
    if (node.operator?.done === true) return true;
    // Checks judge every row, whatever those below them still want.
    if (node.step.op === "expect") return false;
    return node.readers.length > 0 && node.readers.every((reader) => this.isSatisfied(reader));
  }

  private rejectRow(index: number, batch: Batch, row: number, failure: RowFailureData): void {
    const { step } = this.node(index);
    // Checks say themselves that rows are set aside, whatever becomes of records that cannot be read.
    const policy = step.op === "expect" ? "quarantine" : undefined;
    if (this.rejects.passesOver(this.isAgain(index), policy)) return;
    const { place, raw } = this.rows.find(batch, row, policy !== undefined || this.rejects.wantsRaw);
    const functionName = failure.functionName ?? null;
    const { column = null, code, message } = failure;
    const { attempt } = this.spec;
    const hash = functionHash(step, functionName);
    this.rejects.take(
      { ...place, stage: step.name, column, code, message, functionName, functionHash: hash, attempt },
      raw,
      policy,
    );
  }

  private isAgain(index: number): boolean {
    return this.spec.again?.steps.includes(index) === true;
  }

  private result(reader: BatchReader): TaskResult {
    const steps = this.nodes.map((node, step): StepResult => {
      const counts = node.operator?.counts;
      if (counts === undefined) {
        return { step, rowsIn: node.rowsWritten, rowsOut: node.rowsWritten, filtered: 0, rejected: 0, files: node.files };
      }
      const before = node.step.input < 0 ? (reader.filtered ?? 0) : 0;
      return {
        step,
        rowsIn: counts.rowsIn + before,
        rowsOut: counts.rowsOut,
        filtered: counts.filtered + before,
        ...(counts.repeated === undefined ? {} : { repeated: counts.repeated }),
        rejected: counts.rejected,
        files: node.operator?.files ?? [],
      };
    });
    const checks = this.nodes.flatMap((node, i) => (this.isAgain(i) ? [] : [...(node.operator?.checks ?? [])]));
    const scan = reader.result();
    return {
      scan: { ...scan, rejected: scan.rejected + this.poisoned + this.incomplete },
      enough: this.enough,
      steps,
      rejects: this.rejects.finish(),
      ...(checks.length === 0 ? {} : { checks }),
      timing: { ...this.timing, endMs: Date.now(), cpuMs: this.timing.computeMs },
    };
  }
}
