import { mkdirSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import type { Batch } from "../batch/column.js";
import { required } from "../common/assert.js";
import { configError, planError } from "../common/errors.js";
import { countTableRows, writeDuckDbTable } from "../duckdb/table.js";
import { exchangeWriter } from "../exchange/codec.js";
import {
  assemble,
  completePublish,
  discard,
  EarlyFile,
  prepareTarget,
  publish,
  type Staged,
  type Target,
} from "../io/commit/commit.js";
import { ownerKept, releaseStaging } from "../io/commit/commitOwner.js";
import type { BatchWriter } from "../io/contracts.js";
import { killPoint } from "../io/killPoint.js";
import { nodeFileSystem } from "../io/fileSystem.js";
import { checkSink, openWriter } from "../io/sink/sinks.js";
import type { SinkSpec } from "../plan/nodes.js";
import type { PlannedOutput } from "../planner/stages.js";
import type { OutputMetrics } from "../report/model.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import type { RunContext } from "./context.js";
import type { StagedOutput } from "./journal/journal.js";
import { noteTables } from "./journal/journalCheck.js";
import type { EngineSettings } from "./options.js";

interface FileOutput {
  readonly kind: "files";
  readonly sink: SinkSpec;
  readonly schema: Schema;
  readonly target: Target;
  /** The file that settled fragments are put into while the run goes on, for sinks that can. */
  readonly early: EarlyFile | null;
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
  /** Outputs that are being staged while other stages run. */
  private readonly begun = new Map<number, Promise<Staged>>();

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
        checkSink(sink);
        if (sink.format === "duckdb") {
          outputs.set(index, { kind: "table", sink, schema, folder: join(run.scratch, `table${index}`) });
          continue;
        }
        const target = await prepareTarget(sink, run.runId, nodeFileSystem, run.journal === null ? null : run.folder);
        const early = EarlyFile.for(target, schema);
        outputs.set(index, { kind: "files", sink, schema, target, early });
        run.setStaging(index, target.fragments, early);
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

  /** All fragments of an output are there: it is staged while other stages run. */
  complete(index: number): void {
    const output = this.output(index);
    if (output.kind !== "files") return;
    const staged = this.assembled(index, output);
    // Who asks for it is told.
    staged.catch(() => undefined);
    this.begun.set(index, staged);
  }

  private assembled(index: number, { target, schema, early }: FileOutput): Promise<Staged> {
    return assemble(target, schema, this.fragments.get(index) ?? [], nodeFileSystem, early);
  }

  /** Stages every output completely; nothing is visible yet. */
  async stage(): Promise<StagedOutput[]> {
    const staged: StagedOutput[] = [];
    for (const [index, output] of this.outputs) {
      if (output.kind === "files") {
        const { target } = output;
        staged.push({ kind: "files", target, staged: await (this.begun.get(index) ?? this.assembled(index, output)) });
        killPoint("staged");
      } else {
        const { sink, schema } = output;
        const fragments = this.fragments.get(index) ?? [];
        staged.push({ kind: "table", sink, schema, fragments, rowsBefore: await rowsBefore(sink, this.run) });
      }
    }
    return staged;
  }

  /** Makes what was staged visible, one output after the other. */
  async publish(staged: readonly StagedOutput[], reader: RowsReader): Promise<OutputMetrics[]> {
    const { planFingerprint, run } = this;
    const metrics: OutputMetrics[] = [];
    for (const output of staged) {
      if (output.kind === "files") {
        await publish(output.target, output.staged, { planFingerprint });
        metrics.push(outputMetrics(output));
      } else metrics.push(await publishTable(output, reader, run));
      run.journal?.published(resolve(sinkOf(output).path));
    }
    return metrics;
  }

  /** Leaves what was staged for another process. */
  async release(): Promise<void> {
    await Promise.allSettled(this.begun.values());
    for (const output of this.outputs.values()) {
      if (output.kind !== "files") continue;
      await output.early?.close();
      await ownerKept(output.target.staging);
      releaseStaging(output.target.staging);
    }
  }

  /** Removes everything staged. */
  async discard(): Promise<void> {
    await Promise.allSettled(this.begun.values());
    for (const output of this.outputs.values()) {
      if (output.kind !== "files") continue;
      await output.early?.close();
      await discard(output.target);
    }
  }

  private output(index: number): Output {
    return required(this.outputs.get(index), `output ${index}`);
  }
}

const sinkOf = (output: StagedOutput): SinkSpec => (output.kind === "files" ? output.target.sink : output.sink);

interface Place {
  readonly runId: string;
  /** Of the run. */
  readonly folder: string;
  readonly settings: EngineSettings;
  readonly scratch: string;
}

/** What a table had, where it takes that to tell later whether this run's rows are in it. */
async function rowsBefore(sink: SinkSpec, place: Place): Promise<number | null> {
  if (sink.mode === "overwrite") return null;
  const rows = await rowsNow(sink, place);
  if (sink.mode !== "error" || rows === null) return rows;
  throw configError("TARGET_EXISTS", `the table ${JSON.stringify(String(sink.options.table))} exists already`, {
    file: sink.path,
    hint: 'Choose mode "overwrite" or "append", or another table.',
  });
}

const rowsNow = ({ path, options }: SinkSpec, place: Place): Promise<number | null> =>
  countTableRows({ path, table: String(options.table) }, tableOptions(place));

const tableOptions = ({ settings, scratch }: Place) => ({
  memoryBytes: Math.floor(settings.memoryBytes * 0.2),
  tempDirectory: join(scratch, "table-temp"),
});

type StagedTable = Extract<StagedOutput, { readonly kind: "table" }>;

async function publishTable({ sink, schema, fragments }: StagedTable, reader: RowsReader, place: Place): Promise<OutputMetrics> {
  const target = { path: sink.path, table: String(sink.options.table), mode: sink.mode, runId: place.runId };
  if (sink.mode !== "overwrite") noteTables(place.folder, place.runId);
  const { rows } = await writeDuckDbTable(target, schema, reader.readFiles(fragments, schema), tableOptions(place));
  killPoint("table");
  return { path: sink.path, format: sink.format, mode: sink.mode, rows, bytes: 0, partitions: 1, files: [] };
}

/**
 * Publishes an output that an earlier process staged completely, unless it did that as well.
 * @throws MillraceError Config/TARGET_CHANGED where a table has been changed by something else meanwhile
 */
export async function completeOutput(
  output: StagedOutput,
  planFingerprint: string,
  reader: RowsReader,
  place: Place,
): Promise<void> {
  if (output.kind === "files") return completePublish(output.target, output.staged, { planFingerprint });
  const { sink, fragments, rowsBefore: before } = output;
  if (sink.mode !== "overwrite") {
    const now = await rowsNow(sink, place);
    const rows = fragments.reduce((sum, file) => sum + file.rows, 0);
    if (now !== before && now === (before ?? 0) + rows) return;
    if (now !== before) throw tableChanged(sink, before, rows, now);
  }
  await publishTable(output, reader, place);
}

const tableChanged = (sink: SinkSpec, before: number | null, rows: number, now: number | null) =>
  configError(
    "TARGET_CHANGED",
    `table ${String(sink.options.table)} of ${sink.path}: expected ${before ?? 0} rows, or ${(before ?? 0) + rows} with those of this run; found ${now ?? "no table"}`,
    { file: sink.path, hint: "Something else wrote to the table since the run was cut off: see whether its rows are there." },
  );

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

export function outputMetrics(output: StagedOutput): OutputMetrics {
  const { path, format, mode } = sinkOf(output);
  if (output.kind === "table") {
    const rows = output.fragments.reduce((sum, file) => sum + file.rows, 0);
    return { path, format, mode, rows, bytes: 0, partitions: 1, files: [] };
  }
  const files = output.staged.files.map(({ path: name, rows, bytes, checksum, partitionValues }) => ({
    path: name,
    rows,
    bytes,
    checksum,
    partitionValues,
  }));
  const bytes = files.reduce((total, file) => total + file.bytes, 0);
  return { path, format, mode, rows: output.staged.rows, bytes, partitions: files.length, files };
}
