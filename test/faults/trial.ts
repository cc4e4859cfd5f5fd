import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { type Engine, MillraceError } from "millrace";
import { arm, disarm, type Fault } from "./inject.mjs";
import type { Pipeline } from "./pipelines.ts";
import { contentOf, namesIn, openBelow, scratchIn } from "./state.ts";

/** A pipeline with everything that its trials are compared with. */
export interface Stand {
  readonly pipeline: Pipeline;
  readonly base: string;
  readonly engine: Engine;
  /** The target before, and after a run that nothing disturbed. */
  readonly before: string;
  readonly after: string;
  readonly names: readonly string[];
}

export interface TrialResult {
  /** How often the fault struck; 0: the run has fewer operations of the kind. */
  readonly fired: number;
  readonly outcome: "done" | "failed" | "publishing";
  readonly code: string | null;
  /** What is wrong; empty where all is as it should be. */
  readonly wrong: readonly string[];
}

/** Rows and the sum of their ids, as plain DuckDB reads them. */
async function rowsIn(folder: string, files: string): Promise<string> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const from = `${files.endsWith(".csv") ? "read_csv" : files.endsWith(".jsonl") ? "read_json" : "read_parquet"}('${folder}/${files}')`;
  const reader = await connection.runAndReadAll(`select count(*), sum(id)::bigint from ${from}`);
  connection.closeSync();
  instance.closeSync();
  return (reader.getRows()[0] ?? []).join(" rows, ids ");
}

/** Counted in ticks of a timer: a machine or a process that stands still does not make a run late. */
const limitSeconds = 20;

/** Runs the pipeline undisturbed and keeps what was there before and after. */
export async function prepareStand(pipeline: Pipeline, base: string, engine: Engine): Promise<Stand> {
  const { plan, before, rows, rejects, name } = pipeline;
  if (before !== null) await engine.run(before(base));
  mkdirSync(join(base, "out"), { recursive: true });
  cpSync(join(base, "out"), join(base, "kept"), { recursive: true });
  const stand = { pipeline, base, engine, before: contentOf(join(base, "out")) };
  const { rejects: rejected } = await engine.run(plan(base));
  const found = `${await rowsIn(join(base, "out"), pipeline.files)}, ${rejected.count} rejects`;
  if (found !== `${rows}, ${rejects} rejects`) throw new Error(`${name}: the undisturbed run wrote ${found}, not ${rows}`);
  return { ...stand, after: contentOf(join(base, "out")), names: namesIn(join(base, "out")) };
}

/**
 * One run with a fault, what it leaves, and the same run gone on with.
 * @param cut a fault that cuts the run off before: the one that is tried meets the process that goes on
 */
export async function trial(stand: Stand, fault: Fault, cut: Fault | null = null): Promise<TrialResult> {
  const { base, engine, pipeline } = stand;
  const [out, state] = [join(base, "out"), join(base, "state")];
  rmSync(out, { recursive: true, force: true });
  rmSync(state, { recursive: true, force: true });
  cpSync(join(base, "kept"), out, { recursive: true });
  const plan = pipeline.plan(base);
  const wrong: string[] = [];
  if (cut !== null) {
    const { error } = await withFault(cut, () => engine.run(plan, { job: "trial" }));
    // Where the run comes to its end before, there is nothing to go on with.
    if (error === null) return { fired: 0, outcome: "done", code: null, wrong: [] };
  }
  const begun = contentOf(out);
  const { error, fired } = await withFault(fault, () =>
    engine.run(plan, { job: "trial", resume: cut === null ? false : "auto" }),
  );
  const content = contentOf(out);
  const published = content === stand.after;
  const outcome = error === null ? "done" : published || content === begun ? "failed" : "publishing";
  if (error === null && !published) wrong.push("the run succeeded and its target is not what it should be");
  if (error !== null) wrong.push(...errorFlaws(error, fault));
  if (outcome === "publishing" && !isPublishing(error))
    wrong.push(`the target is neither the old nor the new one: ${describe(error)}`);
  wrong.push(...openBelow(base).map((file) => `still open: ${file}`));
  if (fired > 0 || wrong.length > 0) wrong.push(...(await goOn(stand, error !== null)));
  return { fired, outcome, code: error instanceof MillraceError ? error.code : null, wrong };
}

/** Runs while a fault is armed: how the run failed, and how often the fault struck. */
async function withFault(
  fault: Fault,
  run: () => PromiseLike<unknown>,
): Promise<{ readonly error: unknown; readonly fired: number }> {
  arm(fault);
  const error = await within(Promise.resolve().then(run)).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { error, fired: disarm() };
}

/** The run without its fault: it ends well, in the right bytes, and nothing is left of the first. */
async function goOn({ base, engine, pipeline, after, names }: Stand, failed: boolean): Promise<string[]> {
  const [out, state] = [join(base, "out"), join(base, "state")];
  const wrong: string[] = [];
  if (failed) {
    try {
      const { rejects } = await within(engine.run(pipeline.plan(base), { job: "trial", resume: "auto" }));
      if (rejects.count !== pipeline.rejects) wrong.push(`${rejects.count} rejects after going on`);
    } catch (error) {
      wrong.push(`going on failed: ${describe(error)}`);
    }
    if (contentOf(out) !== after)
      wrong.push(`the target is not the right one after going on: ${contentOf(out)} instead of ${after}`);
  }
  const left = () => [...namesIn(out).filter((name) => !names.includes(name)), ...scratchIn(state)];
  // A run whose own tidying failed leaves that to the next.
  if (!failed && left().length > 0) await within(engine.run(pipeline.plan(base), { job: "next" })).catch(() => undefined);
  wrong.push(...left().map((name) => `left behind: ${name}`));
  return wrong;
}

function errorFlaws(error: unknown, { code }: Fault): string[] {
  if (!(error instanceof MillraceError)) return [`not a typed error: ${describe(error)}`];
  const { category, place, message } = error;
  const flaws: string[] = [];
  if (category === "Internal" || category === "Plan") flaws.push(`an error of category ${category}: ${describe(error)}`);
  const said = `${message} ${error.toData().cause ?? ""}`;
  if (code.startsWith("E") && !said.includes(code)) flaws.push(`the error does not name ${code}: ${describe(error)}`);
  if (place.file === undefined) flaws.push(`the error names no file: ${describe(error)}`);
  return flaws;
}

const isPublishing = (error: unknown): boolean => error instanceof MillraceError && error.code === "PUBLISH_INTERRUPTED";

const describe = (error: unknown): string => (error instanceof MillraceError ? `${error.code}: ${error.message}` : String(error));

async function within<T>(promise: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    let ticks = 0;
    timer = setInterval(() => {
      if (++ticks === limitSeconds) reject(new Error(`no end within ${limitSeconds} seconds`));
    }, 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearInterval(timer);
  }
}
