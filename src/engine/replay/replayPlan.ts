import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { configError, type MillraceError } from "../../common/errors.js";
import { readManifest } from "../../io/commit/manifest.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { isFileTarget } from "../../io/commit/commit.js";
import { type BoundNode, boundInputs, type ResolvedSource } from "../../plan/bound.js";
import type { Plan, SinkSpec } from "../../plan/nodes.js";
import type { RejectIndex } from "../rejects/rejectIndex.js";
import type { Reject } from "../rejects/runRejects.js";

/** What of a plan decides how it can be replayed. */
export interface PlanShape {
  /** What stops rows from going through one by one; null where nothing does. */
  readonly notRowWise: string | null;
  /** One record may become several rows, or reach several outputs: some may have been written although it was rejected. */
  readonly fanOut: boolean;
  /** Sources whose records become rows of an output. */
  readonly rows: ReadonlySet<ResolvedSource>;
  /** Sources that rows are looked up in. */
  readonly lookups: ReadonlySet<ResolvedSource>;
}

/**
 * Pure. A function over batches counts as row-wise: which rows it sees together is nobody's promise, so what it gives for one must not depend on
 * it. So do checks of single rows; those of other scopes are outputs of their own here, over all rows.
 */
export function planShape(outputs: readonly BoundNode[]): PlanShape {
  const [rows, lookups, seen] = [new Set<ResolvedSource>(), new Set<ResolvedSource>(), new Set<BoundNode>()];
  let notRowWise: string | null = null;
  let fanOut = outputs.length > 1;
  const visit = (node: BoundNode): void => {
    if (seen.has(node)) fanOut = true;
    seen.add(node);
    switch (node.kind) {
      case "scan":
        if (rows.has(node.source)) fanOut = true;
        rows.add(node.source);
        return;
      case "join":
        if (!["inner", "left", "semi", "anti"].includes(node.how)) notRowWise ??= `${node.how} join`;
        if (node.how === "inner" || node.how === "left") fanOut = true;
        for (const source of scannedBelow(node.right)) lookups.add(source);
        visit(node.left);
        return;
      case "expect":
        if (node.verdicts.length > 0) notRowWise ??= "check over several rows";
        for (const verdict of node.verdicts) for (const source of scannedBelow(verdict)) lookups.add(source);
        visit(node.input);
        return;
      case "flatMap":
        fanOut = true;
        break;
      case "sink":
      case "filter":
      case "project":
      case "map":
      case "mapBatches":
      case "sample":
      case "union":
        break;
      default:
        notRowWise ??= node.kind;
    }
    for (const input of boundInputs(node)) visit(input);
  };
  for (const output of outputs) visit(output);
  return { notRowWise, fanOut, rows, lookups };
}

function scannedBelow(node: BoundNode): ResolvedSource[] {
  if (node.kind === "scan") return [node.source];
  return boundInputs(node).flatMap(scannedBelow);
}

export const cannotReplay = (why: string, hint: string): MillraceError =>
  configError("REPLAY_NOT_POSSIBLE", `this run cannot be replayed: ${why}`, { hint });

export const sinksOf = (plan: Plan): readonly SinkSpec[] =>
  plan.outputs.flatMap((node) => (node.kind === "sink" ? [node.sink] : []));

/**
 * Why the good records cannot be added to what the run wrote; null when they can. They can where every record goes its own way through the plan,
 * and nothing of a rejected record was written.
 */
export function whyNotAppend(
  shape: PlanShape,
  index: RejectIndex,
  sinks: readonly SinkSpec[],
  rejects: Iterable<Reject>,
): string | null {
  if (shape.notRowWise !== null) return `the plan holds a step over many rows (${shape.notRowWise})`;
  if (index.shape.notRowWise !== null) return `the run had a step over many rows (${index.shape.notRowWise})`;
  if ([...shape.rows].some((source) => shape.lookups.has(source))) return "a source is joined with itself";
  if ([...shape.rows].some(({ spec }) => spec.format !== "csv" && spec.format !== "jsonl")) return "a source is not text";
  const single = sinks.find((sink) => sink.format === "duckdb" || isFileTarget(sink));
  if (single !== undefined) return `${single.path} is one file`;
  for (const reject of rejects) {
    // A record that is too long to be held is settled by a plan that may hold it, never by itself.
    if (reject.byte !== null && reject.raw === null) continue;
    if (reject.byte === null || reject.rawKind !== "bytes" || reject.source === null)
      return "some rejects have no bytes of their own";
    if (index.shape.fanOut && !reject.stage.startsWith("scan "))
      return "one record may have become several rows, of which some are written already";
  }
  return null;
}

/** @throws MillraceError Config/REPLAY_NOT_POSSIBLE unless the run's inputs are what they were and its outputs may be replaced. */
export function requireRecompute(why: string, index: RejectIndex, sinks: readonly SinkSpec[]): void {
  const refuse = (also: string, hint: string) =>
    cannotReplay(`${why}, so that its outputs must be computed anew, and ${also}`, hint);
  const again = "Run the plan again.";
  if (index.byRows) throw refuse("it read rows of a program", again);
  for (const { path, bytes, modifiedMs } of index.inputs) {
    const now = statSync(path, { throwIfNoEntry: false });
    if (now?.size !== bytes || now.mtimeMs !== modifiedMs)
      throw refuse(`${path} ${now === undefined ? "is gone" : "has changed"} since`, again);
  }
  const fixed = sinks.find((sink) => sink.format === "duckdb" || sink.mode === "append");
  if (fixed !== undefined) {
    const what = fixed.format === "duckdb" ? "a DuckDB table" : "written with mode append";
    throw refuse(`${fixed.path} is ${what}`, "Remove what the run wrote there, and run the plan again.");
  }
}

interface PublishedReport {
  readonly status?: string;
  readonly execution?: {
    readonly outputs?: readonly {
      readonly path: string;
      readonly files: readonly { readonly path: string; readonly checksum: string }[];
    }[];
  };
}

/** The report of a run, as far as it is needed here; null where there is none, because the process was ended before. */
function reportOf(runFolder: string): PublishedReport | null {
  const file = join(runFolder, "report.json");
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as PublishedReport;
  } catch {
    return null;
  }
}

/**
 * Today's plan must write where the run wrote, and what stands there must still be the run's.
 * @param by the run, or the replay that computed its outputs anew
 * @param interrupted a replay that was cut off between its outputs: what it replaced already is its own
 * @throws MillraceError Config/REPLAY_NOT_POSSIBLE, REPLAY_TARGET_CHANGED
 */
export function requireOwnOutputs(
  index: RejectIndex,
  sinks: readonly SinkSpec[],
  by: { readonly runId: string; readonly folder: string },
  interrupted: string | null,
): void {
  const paths = sinks.map((sink) => resolve(sink.path));
  const before = index.outputs.map((output) => output.path);
  if (paths.join("\n") !== before.join("\n")) {
    throw cannotReplay(
      `it wrote to ${before.join(", ")}, the plan writes to ${paths.join(", ")}`,
      "Give the plan that the run had.",
    );
  }
  const report = reportOf(by.folder);
  if (report?.status === "failed")
    throw cannotReplay("it failed and published nothing", "Repair the plan or the input, and run the plan again.");
  for (const [i, sink] of sinks.entries()) {
    if (sink.format === "duckdb") continue;
    const path = resolve(sink.path);
    const kind = isFileTarget(sink) ? "file" : "folder";
    const manifest = readManifest(nodeFileSystem, { path, kind });
    if (interrupted !== null && manifest?.runId === interrupted) continue;
    const files = new Map(manifest?.files.map((file) => [file.path, file]) ?? []);
    const published = report?.execution?.outputs?.[i]?.files;
    const kept =
      published === undefined
        ? [...files.values()].some((file) => file.runId === by.runId)
        : published.every(({ path: name, checksum }) => {
            const file = files.get(name);
            return file?.runId === by.runId && file.crc32 === checksum;
          });
    if (kept) continue;
    throw configError("REPLAY_TARGET_CHANGED", `${path} does not hold what run ${by.runId} wrote any more`, {
      file: path,
      hint: "Another run has replaced it; replay the rejects of that run.",
    });
  }
}
