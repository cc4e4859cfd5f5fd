import { required } from "../../common/assert.js";
import { topological } from "../../optimize/rewrite.js";
import type { BoundNode, ResolvedSource } from "../../plan/bound.js";
import { canonicalJson, sha256 } from "../../plan/canonical.js";
import type { DuckDbStage, IngestStage, PlannedStep, WorkerStage } from "../../planner/stages.js";
import { filesOf } from "../../task/partFiles.js";
import type { FileWritten, PartitionSpec, RowsBuild } from "../../task/protocol.js";

/**
 * What a task's result depends on, and nothing else: two tasks of equal identity give the same bytes. Where a task is must not matter
 * (folders, run, attempt), nor by whom it is run; what it does and what it reads must.
 */
export interface TaskIdentity {
  /** Of everything below. */
  readonly hash: string;
  /** Which task of the plan this is, for people and to tell why an earlier result does not count. */
  readonly slot: string;
  /** Of the steps without the functions in them, of how the source is read, and of the slice. */
  readonly work: string;
  /** Hash of every function in the steps, by name. */
  readonly functions: { readonly [name: string]: string };
  /** Of each file of the user's that is read, by path. */
  readonly inputs: { readonly [path: string]: string };
  /** Of what earlier stages left, as far as it is read. */
  readonly earlier: string;
}

/** What all tasks of a worker stage read. */
export interface StageInputs {
  readonly source: ResolvedSource;
  /** Files of an exchange, in the order of `source.files`; null for files of the user's. */
  readonly exchange: readonly FileWritten[] | null;
  readonly builds: ReadonlyMap<PlannedStep, readonly RowsBuild[]>;
  readonly filesOf: (exchange: number) => readonly FileWritten[];
}

/** The identities of one worker stage's tasks. What they share is computed once. */
export class StageIdentities {
  private readonly functions: Record<string, string> = {};
  private readonly work: string;
  private readonly buildFiles: Record<string, string> = {};
  private readonly builds: string;
  private wholeExchange: string | null = null;
  private beside: string | null = null;

  constructor(
    private readonly stage: WorkerStage,
    private readonly inputs: StageInputs,
  ) {
    const steps = stage.steps.map(({ step, build, exchange, output, again }) => ({
      step: withoutFunctions(placeless(step), this.functions),
      build: build === null ? null : { kind: build.kind, schema: build.schema },
      exchange,
      output,
      ...(again === true ? { again } : {}),
    }));
    const { schema, partitionColumns, spec } = inputs.source;
    const reading = inputs.exchange === null ? { ...spec, paths: null } : "exchange";
    const source = { name: stage.name, schema, partitionColumns, reading, layout: layoutOf(stage), ...againOf(stage) };
    this.work = sha256(canonicalJson({ steps, read: stage.input.schema, source }));
    this.builds = canonicalJson(this.buildsOf());
  }

  task(partition: number, part: PartitionSpec): TaskIdentity {
    const { exchange, source } = this.inputs;
    const { file: _, ...slice } = part;
    const own = exchange === null ? filesOf(part, source.files) : [];
    // The order of several counts.
    const order = own.length > 1 ? { order: own.map(({ path }) => path) } : {};
    const work = sha256(canonicalJson({ stage: this.work, slice, ...order }));
    const inputs = { ...this.buildFiles, ...Object.fromEntries(own.map((file) => [file.path, fingerprintOfFile(file)])) };
    const earlier = sha256(canonicalJson([this.builds, this.exchangeRead(part)]));
    const { functions } = this;
    const slot = `${this.stage.id}/${partition}`;
    return { hash: hashOf({ work, functions, inputs, earlier }), slot, work, functions, inputs, earlier };
  }

  /** Files of the right sides; those of the user's are noted by path, those of an exchange are what their bytes are. */
  private buildsOf(): unknown[] {
    return [...this.inputs.builds].map(([{ build, verdicts = [] }, rows]) => {
      const exchanges = build?.kind === "exchange" ? [build.exchange] : verdicts;
      if (exchanges.length > 0) return exchanges.flatMap((one) => this.inputs.filesOf(one).map(fingerprintOfWritten));
      const { scan, parts } = required(rows[0], "right side");
      for (const file of scan.source.files) this.buildFiles[file.path] = fingerprintOfFile(file);
      return { files: scan.source.files.map(({ path }) => path), parts };
    });
  }

  private exchangeRead(part: PartitionSpec): string {
    const files = this.inputs.exchange;
    if (files === null) return "";
    if (part.kind === "buckets" || part.kind === "runs" || part.kind === "keyed") {
      this.wholeExchange ??= sha256(canonicalJson(files.map(fingerprintOfWritten)));
      return [this.wholeExchange, ...this.besideRead()].join();
    }
    const own = filesOf(part, files).map(fingerprintOfWritten);
    return [...own, ...this.besideRead()].join();
  }

  private besideRead(): string[] {
    const { input } = this.stage;
    if (input.kind !== "exchange" || input.beside === undefined) return [];
    this.beside ??= sha256(canonicalJson(this.inputs.filesOf(input.beside.exchange).map(fingerprintOfWritten)));
    return [this.beside];
  }
}

const againOf = ({ again }: WorkerStage) => (again === true ? { again } : {});
const layoutOf = ({ input }: WorkerStage): string | null => (input.kind === "exchange" ? (input.layout ?? null) : null);

/** The identity of a stage that is one query. */
export function queryIdentity(stage: DuckDbStage, filesOf: (exchange: number) => readonly FileWritten[]): TaskIdentity {
  const functions: Record<string, string> = {};
  const inputs: Record<string, string> = {};
  for (const source of sourcesIn(stage.node)) {
    for (const file of source.files) inputs[file.path] = fingerprintOfFile(file);
  }
  const { target, name } = stage;
  const work = sha256(canonicalJson({ name, node: withoutFunctions(stage.node, functions), target }));
  const earlier = sha256(canonicalJson(stage.inputs.map((exchange) => filesOf(exchange).map(fingerprintOfWritten))));
  return { hash: hashOf({ work, functions, inputs, earlier }), slot: `${stage.id}/0`, work, functions, inputs, earlier };
}

/** The identity of a query source: what is asked, and of which file as it was. */
export function sourceIdentity({ id, name, source, exchange }: IngestStage): TaskIdentity {
  const inputs = Object.fromEntries(source.files.map((file) => [file.path, fingerprintOfFile(file)]));
  const work = sha256(canonicalJson({ name, spec: source.spec, schema: source.schema, exchange }));
  const parts = { work, functions: {}, inputs, earlier: "" };
  return { hash: hashOf(parts), slot: `${id}/0`, ...parts };
}

function sourcesIn(node: BoundNode): ReadonlySet<ResolvedSource> {
  return new Set(topological([node]).flatMap((one) => (one.kind === "scan" ? [one.source] : [])));
}

const hashOf = (parts: Omit<TaskIdentity, "hash" | "slot">): string => sha256(canonicalJson(parts));

/** A file of the user's is the same while its size and time of change are. */
export const fingerprintOfFile = (file: { readonly bytes: number; readonly modifiedMs: number }): string =>
  `${file.bytes}@${file.modifiedMs}`;

const fingerprintOfWritten = (file: FileWritten): string => `${file.rows}:${file.bytes}#${file.checksum}`;

/** A step without the places that are filled in for every attempt. */
function placeless(step: PlannedStep["step"]): object {
  return { ...step, file: null, directory: null, build: null };
}

/** Replaces every function by its name, and notes its hash. What JSON has no spelling for gets one. */
export function withoutFunctions(value: unknown, found: Record<string, string>): unknown {
  if (typeof value === "bigint") return { bigint: String(value) };
  if (typeof value === "number" && !Number.isFinite(value)) return { number: String(value) };
  if (Array.isArray(value)) return value.map((item) => withoutFunctions(item, found));
  if (typeof value !== "object" || value === null) return value;
  if ("hash" in value && "name" in value && typeof value.hash === "string" && typeof value.name === "string") {
    // Two functions of one name are both kept.
    const before = found[value.name];
    found[value.name] = before === undefined || before === value.hash ? value.hash : sha256(before + value.hash);
    return { function: value.name };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutFunctions(item, found)]));
}

/** What a run was when an earlier process worked on it. */
export interface RunBefore {
  readonly functions: { readonly [name: string]: string };
  readonly inputs: readonly { readonly path: string; readonly bytes: number; readonly modifiedMs: number }[];
}

/**
 * Why nothing that an earlier process did counts for a task; null where none had done it. `slot`: the identity of the task that had its place
 * then, which may have been another where the input was cut in another way.
 */
export function whyChanged(now: TaskIdentity, before: RunBefore, slot: TaskIdentity | null): string | null {
  if (slot === null || slot.hash === now.hash) return null;
  for (const [name, hash] of Object.entries(now.functions)) {
    const known = before.functions[name];
    if (known !== undefined && known !== hash) return `function ${name} changed`;
  }
  for (const [path, fingerprint] of Object.entries(now.inputs)) {
    const known = before.inputs.find((file) => file.path === path);
    if (known !== undefined && fingerprintOfFile(known) !== fingerprint) return `input changed: ${path}`;
  }
  return slot.work === now.work && slot.earlier !== now.earlier ? "what an earlier stage left changed" : null;
}
