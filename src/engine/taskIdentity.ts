import { canonicalJson, sha256 } from "../plan/canonical.js";
import type { ResolvedSource } from "../plan/bound.js";
import type { PlannedStep, WorkerStage } from "../planner/stages.js";
import type { FileWritten, JoinBuild, PartitionSpec } from "../task/protocol.js";

/**
 * What a task's result depends on, and nothing else: two tasks of equal identity give the same bytes. Where a task is must not matter
 * (folders, run, attempt), nor by whom it is run; what it does and what it reads must.
 */
export interface TaskIdentity {
  /** Of everything below. */
  readonly hash: string;
  /** Which task of the plan this is, for people and to tell why an earlier result does not count. */
  readonly slot: string;
  /** Of the steps without the functions in them, and of how the source is read. */
  readonly work: string;
  /** Of every function in the steps, by name. */
  readonly functions: { readonly [name: string]: string };
  /** Of each file read, by path. */
  readonly inputs: { readonly [path: string]: string };
}

/** The files that a task of a worker stage reads, and how they are told from changed ones. */
export interface TaskInputs {
  readonly source: ResolvedSource;
  readonly part: PartitionSpec;
  /** Files of an exchange, which have checksums; null for files of the user's, which have a size and a time. */
  readonly exchange: readonly FileWritten[] | null;
  readonly builds: ReadonlyMap<PlannedStep, JoinBuild>;
  /** Files that a build reads from an exchange, by path. */
  readonly written: ReadonlyMap<string, FileWritten>;
}

export function taskIdentity(stage: WorkerStage, partition: number, inputs: TaskInputs): TaskIdentity {
  const functions: Record<string, string> = {};
  const steps = stage.steps.map(({ step, build, exchange, output }) => ({
    step: withoutFunctions(placeless(step), functions),
    build: build === null ? null : { kind: build.kind, schema: build.schema },
    exchange,
    output,
  }));
  const { file: _, ...slice } = inputs.part;
  const { schema, partitionColumns, spec } = inputs.source;
  const reading = inputs.exchange === null ? { ...spec, paths: null } : "exchange";
  const work = sha256(canonicalJson({ steps, slice, read: stage.input.schema, source: { schema, partitionColumns, reading } }));
  const files = inputFiles(inputs);
  return {
    hash: sha256(canonicalJson({ work, functions, inputs: inputTexts(files, inputs) })),
    slot: `${stage.id}/${partition}`,
    work,
    functions,
    inputs: files,
  };
}

function inputFiles(inputs: TaskInputs): Record<string, string> {
  const { part, source, exchange, builds, written } = inputs;
  const files: Record<string, string> = {};
  const wholeSource = part.kind === "buckets" || part.kind === "runs";
  if (exchange !== null) {
    const read = wholeSource ? exchange : exchange.slice(part.file, part.file + 1);
    for (const file of read) files[file.path] = fingerprintOfWritten(file);
  } else {
    for (const file of source.files.slice(part.file, part.file + 1)) files[file.path] = fingerprintOfFile(file);
  }
  for (const build of builds.values()) {
    for (const file of build.scan.source.files) {
      const own = written.get(file.path);
      files[file.path] = own === undefined ? fingerprintOfFile(file) : fingerprintOfWritten(own);
    }
  }
  return files;
}

/** A file of an exchange is what its bytes are; of a file of the user's the path counts too, which may give columns their values. */
function inputTexts(files: TaskIdentity["inputs"], { exchange, written }: TaskInputs): string[] {
  const own = new Set([...(exchange ?? []).map((file) => file.path), ...written.keys()]);
  return Object.entries(files).map(([path, fingerprint]) => (own.has(path) ? fingerprint : `${path} ${fingerprint}`));
}

/** A file of the user's is the same while its size and time of change are. */
export const fingerprintOfFile = (file: { readonly bytes: number; readonly modifiedMs: number }): string =>
  `${file.bytes}@${file.modifiedMs}`;

const fingerprintOfWritten = (file: FileWritten): string => `${file.bytes}#${file.checksum}`;

/** A step without the places that are filled in for every attempt. */
function placeless(step: PlannedStep["step"]): object {
  return { ...step, file: null, directory: null, build: null };
}

/** Replaces every function by its name, and notes its hash. */
function withoutFunctions(value: unknown, found: Record<string, string>): unknown {
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

/** Why an earlier result of the same slot does not count now; null when it does. */
export function whyChanged(before: TaskIdentity, now: TaskIdentity): string | null {
  if (before.hash === now.hash) return null;
  for (const [name, hash] of Object.entries(now.functions)) {
    if (before.functions[name] !== hash) return `function ${name} changed`;
  }
  for (const [path, fingerprint] of Object.entries(now.inputs)) {
    if (before.inputs[path] !== fingerprint) return `input changed: ${path}`;
  }
  return "the plan changed";
}
