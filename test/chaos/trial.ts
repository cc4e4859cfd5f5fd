import { existsSync, statSync, truncateSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join, resolve } from "node:path";
import { type Case, textOf, type Where } from "./cases.ts";
import type { Lane, Reference } from "./lane.ts";
import type { Pipeline } from "./pipelines.ts";
import type { Ended, Kill } from "./processes.ts";
import type { Judge } from "./verify.ts";

/** What came of a case. */
export interface Outcome {
  readonly kills: number;
  /** At which a process was killed. */
  readonly points: readonly string[];
  readonly resumes: number;
  readonly pairs: number;
  /** Tasks that were done more than once. */
  readonly redone: number;
  readonly reads: number;
  readonly failures: readonly string[];
}

/** A task for each worker, and one that waits for the journal. */
const mostInFlight = 4;

type Memory = ReturnType<typeof import("../../dist/engine/journal/journal.js")["readMemory"]>;
const built = (file: string): Promise<unknown> => import(pathToFileURL(resolve(import.meta.dirname, "../../dist", file)).href);

/** Works a case off. */
export class Trial {
  private readonly failures: string[] = [];
  private readonly points: string[] = [];
  private kills = 0;
  private resumes = 0;
  private pairs = 0;
  private redone = 0;
  private reads = 0;
  private runId: string | null = null;

  private readonly pipeline: Pipeline;
  private readonly lane: Lane;
  private readonly reference: Reference;
  private readonly judge: Judge;
  private readonly older: string;

  constructor(pipeline: Pipeline, lane: Lane, reference: Reference, judge: Judge, older: string) {
    this.pipeline = pipeline;
    this.lane = lane;
    this.reference = reference;
    this.judge = judge;
    this.older = older;
  }

  async run(one: Case): Promise<Outcome> {
    await this.begin();
    let ended = await this.attempt(one.where, 0);
    // A run that came to its end before it could be killed is killed earlier.
    for (let tries = 0; ended.signal === null && one.where.kind === "time" && tries < 3; tries++) {
      await this.endReading();
      await this.begin();
      ended = await this.attempt({ kind: "time", share: one.where.share / 2 ** (tries + 1) }, 0);
    }
    for (const where of one.again) if (ended.signal !== null) ended = await this.attempt(where, one.settings);
    if (ended.signal !== null) ended = await this.complete(one);
    await this.check(ended);
    await this.endReading();
    const { kills, points, resumes, pairs, redone, reads, failures } = this;
    const where = `${textOf(one.where)}${one.again.map((again) => `, again at ${textOf(again)}`).join("")}, resumed by ${one.by} ${one.settings}${one.auto ? " auto" : ""}${one.torn > 0 ? ` torn ${one.torn}` : ""}`;
    return {
      kills,
      points,
      resumes,
      pairs,
      redone,
      reads,
      failures: failures.map((what) => `${what} [${where}]`),
    };
  }

  private async begin(): Promise<void> {
    const { lane, pipeline, judge } = this;
    lane.reset(this.older);
    this.runId = await lane.prepare(pipeline);
    lane.reader.watch(judge.expectedIn(lane.out));
  }

  private async endReading(): Promise<void> {
    const { reads, partial } = await this.lane.reader.stop();
    this.reads += reads;
    this.failures.push(...partial.map((what) => `a reader finds: ${what}`));
  }

  /** Runs or goes on, and is killed on the way unless it ends before. */
  private async attempt(where: Where, settings: number): Promise<Ended> {
    const { lane, pipeline, judge } = this;
    const kill: Kill = { at: where.kind === "point" ? textOf(where) : where.share * this.reference.ms };
    const before = await this.remembered();
    const ended = await lane.run(pipeline, lane.request(pipeline, this.runId), settings, kill);
    if (this.runId !== null && pipeline.replay !== true) this.resumes++;
    if (ended.signal !== null) {
      this.kills++;
      if (where.kind === "point") this.points.push(where.point);
      if (ended.signal !== "SIGKILL") this.failures.push(`it hung, and was ended by ${ended.signal}`);
      for (const what of await judge.partial(lane.out)) this.failures.push(`behind the kill, ${what}`);
    } else if (ended.last.kind !== "result") this.failures.push(`it failed: ${JSON.stringify(ended.last)} ${ended.err}`);
    if (pipeline.replay !== true) {
      this.runId = lane.runId();
      const now = await this.remembered();
      // What had ended and is not in the journal is lost, and what is there and ended again was done twice.
      const finished = ended.lines.filter(({ kind }) => kind === "task-finished").length;
      if (ended.signal !== null) this.countRedone(finished - (now - before), "had ended and are not in the journal");
    }
    return ended;
  }

  private countRedone(tasks: number, how: string): void {
    this.redone = Math.max(this.redone, tasks);
    if (tasks > mostInFlight) this.failures.push(`${tasks} tasks ${how}`);
  }

  /** Brings it to its end, by one process or by two of which one must step back. */
  private async complete({ by, settings, auto, torn }: Case): Promise<Ended> {
    const { lane, pipeline } = this;
    if (torn > 0) await this.tear(torn);
    const memory = await this.memory();
    const done = await this.remembered();
    const byName = pipeline.replay === true || memory === null || memory.finished !== null || by === "two" || !auto;
    const request = lane.request(pipeline, byName ? this.runId : "auto");
    if (this.runId !== null) this.resumes++;
    if (by === "new") return this.compare(await lane.run(pipeline, request, settings), memory, done);
    const server = lane.server(pipeline, settings);
    if (by === "server" || this.runId === null) return this.compare(await server.ask(request), memory, done);
    const other = lane.server(pipeline, (settings + 1) % 3);
    this.pairs++;
    const [one, two] = await Promise.all([server.ask(request), other.ask(request)]);
    const refused = [
      { ended: one, by: other.pid },
      { ended: two, by: server.pid },
    ].filter(({ ended }) => ended.last.kind === "error");
    for (const { ended, by: pid } of refused) {
      const { code, message } = ended.last;
      const known = ["RUN_BUSY", "REPLAY_BUSY"].includes(String(code)) && String(message).includes(`process ${pid}`);
      if (!known) this.failures.push(`of two at once one says ${JSON.stringify(ended.last)}, the other is process ${pid}`);
    }
    if (refused.length > 1) this.failures.push("of two at once none went on");
    const resumed = [one, two].filter(({ lines }) => lines.some(({ kind }) => kind === "task-finished"));
    if (resumed.length > 1) this.failures.push("of two at once both worked");
    const worked = resumed[0] ?? (one.last.kind === "result" ? one : two);
    return this.compare(worked, memory, done);
  }

  /** What was done must be taken over, and be told in the report. */
  private compare(ended: Ended, memory: Memory, done: number): Ended {
    if (this.pipeline.replay === true || memory === null || ended.last.kind !== "result") return ended;
    if (ended.last.runId !== this.runId) this.failures.push(`run ${String(ended.last.runId)} was begun instead of going on`);
    const resume = ended.last.resume as { reusedTasks: number; reusedStages: number; redone: readonly unknown[] } | null;
    if (resume === null || resume === undefined) this.failures.push("the report does not say that the run was resumed");
    else {
      this.countRedone(done - resume.reusedTasks - resume.reusedStages, "of the journal were not taken over");
      if (resume.redone.length > 0) this.failures.push(`done again: ${JSON.stringify(resume.redone)}`);
    }
    return ended;
  }

  private async check(ended: Ended): Promise<void> {
    const { lane, judge, reference, failures } = this;
    if (ended.last.kind !== "result") {
      failures.push(`it could not be resumed: ${JSON.stringify(ended.last)} ${ended.err} ${ended.signal ?? ""}`);
      return;
    }
    const { status, counts, runId } = ended.last;
    if (status !== reference.status) failures.push(`status ${String(status)} instead of ${String(reference.status)}`);
    const [is, should] = [JSON.stringify(counts), JSON.stringify(reference.counts)];
    if (is !== should) failures.push(`the report counts ${is} instead of ${should}`);
    if (ended.err !== "") failures.push(`it warns: ${ended.err}`);
    failures.push(...(await judge.wrong(lane.inputs, lane, String(runId))));
  }

  /** A machine that goes down may take with it what was not waited for: what comes before the record of publishing. */
  private async tear(bytes: number): Promise<void> {
    const memory = await this.memory();
    if (memory === null || memory.publishing !== null || this.runId === null) return;
    const journal = join(this.lane.runFolder(this.runId), "journal");
    truncateSync(journal, Math.max(0, statSync(journal).size - bytes));
  }

  private async memory(): Promise<Memory> {
    if (this.runId === null) return null;
    const { readMemory } = (await built("engine/journal/journal.js")) as typeof import("../../dist/engine/journal/journal.js");
    const { nodeFileSystem } = (await built("io/fileSystem.js")) as typeof import("../../dist/io/fileSystem.js");
    const folder = this.lane.runFolder(this.runId);
    return existsSync(join(folder, "journal")) ? readMemory(nodeFileSystem, folder) : null;
  }

  /** Tasks, queries and streams that the journal knows as done. */
  private async remembered(): Promise<number> {
    const memory = await this.memory();
    if (memory === null) return 0;
    return new Set(memory.tasks.values()).size + memory.stages.size + memory.ingests.size;
  }
}
