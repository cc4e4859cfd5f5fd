import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { Engine, type EngineOptions, type MillraceError } from "millrace";
import { type Place, plans } from "./plans.ts";

/** What a process is asked to do, one after the other: to run a plan, to go on with a run, or to replay a run's rejects. */
export interface Request {
  readonly plan: string;
  readonly place: Place;
  /** The run to go on with, or whose rejects to replay; null for a new run. */
  readonly runId: string | null;
  readonly replay: boolean;
}

export interface Setup {
  readonly options: EngineOptions;
  /** null: requests come line by line. */
  readonly request: Request | null;
}

/** Synchronous, so that what was told before a kill has been told. */
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const told = new Set(["run-started", "run-resumed", "task-finished", "task-reused", "task-redone"]);

async function run(engine: Engine, { plan, place, runId }: Request): Promise<object> {
  const build = plans[plan];
  if (build === undefined) throw new Error(`no plan ${plan}`);
  const handle = engine.run(build(place), { job: plan, resume: runId ?? false });
  for await (const event of handle) {
    if (!told.has(event.kind)) continue;
    const { kind } = event;
    say({ kind, runId: event.runId, ...(event.kind === "task-redone" ? { task: event.task, reason: event.reason } : {}) });
  }
  const { runId: id, status, report, rejects } = await handle.result;
  const { recordsRead, recordsWritten, recordsFiltered, recordsFailed, resume } = report.data.execution;
  const counts = { recordsRead, recordsWritten, recordsFiltered, recordsFailed, rejects: rejects.count };
  return { kind: "result", runId: id, status, counts, resume };
}

async function replay(engine: Engine, { plan, place, runId }: Request): Promise<object> {
  const build = plans[`${plan}-repaired`];
  if (build === undefined || runId === null) throw new Error(`nothing to replay: ${plan}`);
  const { remaining } = await engine.replay(runId, build(place));
  return { kind: "result", runId, status: "success", counts: { remaining }, resume: null };
}

async function answer(engine: Engine, request: Request): Promise<void> {
  try {
    say(await (request.replay ? replay(engine, request) : run(engine, request)));
  } catch (error) {
    const { code, message, stack } = error as MillraceError;
    say({ kind: "error", code: code ?? null, message, stack });
  }
}

const { options, request } = JSON.parse(process.argv[2] ?? "") as Setup;
const engine = await Engine.create(options);
say({ kind: "ready" });
if (request === null) for await (const line of createInterface(process.stdin)) await answer(engine, JSON.parse(line) as Request);
else await answer(engine, request);
await engine.close();
