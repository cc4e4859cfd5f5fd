import { mkdirSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import type { Batch } from "../batch/column.js";
import { required } from "../common/assert.js";
import { planError } from "../common/errors.js";
import { writeDuckDbTable } from "../duckdb/table.js";
import { exchangeWriter } from "../exchange/codec.js";
import { assemble, discard, prepareTarget, publish, type Staged, type Target } from "../io/commit.js";
import type { BatchWriter } from "../io/contracts.js";
import { openWriter } from "../io/sinks.js";
import type { SinkSpec } from "../plan/nodes.js";
import type { PlannedOutput } from "../planner/stages.js";
import type { OutputMetrics } from "../report/model.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import type { RunContext } from "./context.js";

interface FileOutput {
  readonly kind: "files";
  readonly sink: SinkSpec;
  readonly schema: Schema;
  readonly target: Target;
}

/** A DuckDB table is written last, from rows set aside, since its own transaction is its commit. */
interface TableOutput {
  readonly kind: "table";
  readonly sink: SinkSpec;
  readonly schema: Schema;
  readonly folder: string;
}

type Output = FileOutput | TableOutput;

/** Reads rows set aside for a DuckDB table back, in order. */
export interface RowsReader {
  readFiles(files: readonly FileWritten[], schema: Schema): AsyncIterable<Batch>;
}

/** The sinks of one run: checked before any work, filled while it runs, and published together at its end. */
export class OutputSet {
  private readonly fragments = new Map<number, FileWritten[]>();

  private constructor(
    private readonly outputs: ReadonlyMap<number, Output>,
    private readonly run: RunContext,
    private readonly planFingerprint: string,
  ) {}

  /** Checks every target; nothing is left behind when one of them does not fit. */
  static async prepare(planned: readonly PlannedOutput[], run: RunContext, planFingerprint: string): Promise<OutputSet> {
    requireOwnTargets(planned);
    const outputs = new Map<number, Output>();
    const set = new OutputSet(outputs, run, planFingerprint);
    try {
      for (const [index, output] of planned.entries()) {
        if (output.kind !== "sink") continue;
        const { sink, schema } = output;
        if (sink.format === "duckdb") {
          outputs.set(index, { kind: "table", sink, schema, folder: join(run.scratch, `table${index}`) });
          continue;
        }
        const target = await prepareTarget(sink, run.runId);
        outputs.set(index, { kind: "files", sink, schema, target });
        run.setStaging(index, target.fragments);
      }
    } catch (error) {
      await set.discard();
      throw error;
    }
    return set;
  }

  /** A writer for rows that the main thread has. */
  writer(index: number, schema: Schema): BatchWriter {
    const output = this.output(index);
    if (output.kind === "files") {
      const directory = join(output.target.fragments, "main");
      mkdirSync(directory, { recursive: true });
      return openWriter(output.sink, schema, directory, 0);
    }
    mkdirSync(output.folder, { recursive: true });
    return exchangeWriter(schema, join(output.folder, "rows.parquet"));
  }

  add(index: number, files: readonly FileWritten[]): void {
    this.fragments.set(index, [...(this.fragments.get(index) ?? []), ...files]);
  }

  /** Stages every output completely before the first becomes visible. */
  async publish(reader: RowsReader): Promise<OutputMetrics[]> {
    const staged = new Map<number, Staged>();
    for (const [index, output] of this.outputs) {
      if (output.kind === "files")
        staged.set(index, await assemble(output.target, output.schema, this.fragments.get(index) ?? []));
    }
    const metrics: OutputMetrics[] = [];
    for (const [index, output] of this.outputs) {
      this.run.throwIfStopped();
      metrics.push(
        output.kind === "files"
          ? await this.publishFiles(output, required(staged.get(index), "staged output"))
          : await this.publishTable(index, output, reader),
      );
    }
    return metrics;
  }

  /** Removes everything staged. */
  async discard(): Promise<void> {
    for (const output of this.outputs.values()) if (output.kind === "files") await discard(output.target);
  }

  private output(index: number): Output {
    return required(this.outputs.get(index), `output ${index}`);
  }

  private async publishFiles({ sink, target }: FileOutput, staged: Staged): Promise<OutputMetrics> {
    await publish(target, staged, { planFingerprint: this.planFingerprint });
    return outputMetrics(sink, staged);
  }

  private async publishTable(index: number, output: TableOutput, reader: RowsReader): Promise<OutputMetrics> {
    const { sink, schema } = output;
    const rows = reader.readFiles(this.fragments.get(index) ?? [], schema);
    const target = { path: sink.path, table: String(sink.options.table), mode: sink.mode };
    const written = await writeDuckDbTable(target, schema, rows, {
      memoryBytes: Math.floor(this.run.settings.memoryBytes * 0.2),
      tempDirectory: join(this.run.scratch, `table${index}-temp`),
    });
    return { path: sink.path, format: sink.format, mode: sink.mode, rows: written.rows, bytes: 0, partitions: 1, files: [] };
  }
}

/** Two sinks of one plan must not write to one place, nor one inside the other's folder. @throws MillraceError Plan/DUPLICATE_TARGET */
function requireOwnTargets(planned: readonly PlannedOutput[]): void {
  const targets: { readonly path: string; readonly table: string | null }[] = [];
  for (const output of planned) {
    if (output.kind !== "sink") continue;
    const { sink } = output;
    const target = { path: resolve(sink.path), table: sink.format === "duckdb" ? String(sink.options.table) : null };
    const other = targets.find((one) => collide(one, target));
    if (other !== undefined) {
      const inside = other.path === target.path ? "" : `, which collides with ${other.path}`;
      throw planError("DUPLICATE_TARGET", `two outputs of the plan write to ${target.path}${inside}`, {
        file: sink.path,
        hint: "Give every output a path of its own, none inside another.",
      });
    }
    targets.push(target);
  }
}

function collide(a: { path: string; table: string | null }, b: { path: string; table: string | null }): boolean {
  if (a.path === b.path) return a.table === null || b.table === null || a.table.toLowerCase() === b.table.toLowerCase();
  return a.path.startsWith(join(b.path, sep)) || b.path.startsWith(join(a.path, sep));
}

function outputMetrics(sink: SinkSpec, staged: Staged): OutputMetrics {
  const files = staged.files.map(({ path, rows, bytes, checksum, partitionValues }) => ({
    path,
    rows,
    bytes,
    checksum,
    partitionValues,
  }));
  const bytes = files.reduce((total, file) => total + file.bytes, 0);
  const { path, format, mode } = sink;
  return { path, format, mode, rows: staged.rows, bytes, partitions: files.length, files };
}
