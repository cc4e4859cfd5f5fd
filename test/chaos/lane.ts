import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { EngineOptions } from "millrace";
import type { Request } from "./child.ts";
import { type Pipeline, restore } from "./pipelines.ts";
import { type Ended, type Kill, Reader, runOnce, Server } from "./processes.ts";
import { type Tree, treeOf } from "./target.ts";

/** Settings with which a run is begun (the first), and gone on with. */
const settings: readonly EngineOptions[] = [
  { workers: 2, memory: "384MB" },
  { workers: 1, memory: "256MB" },
  { workers: 3, memory: "768MB" },
];

/** What an undisturbed run of a pipeline leaves. */
export interface Reference {
  readonly runId: string;
  readonly before: Tree;
  readonly after: Tree;
  readonly runFolder: Tree;
  readonly counts: unknown;
  readonly status: unknown;
  readonly tasks: number;
  /** How often each point was passed. */
  readonly passings: ReadonlyMap<string, number>;
  /** The same for the points that only a process passes which goes on with a run that was publishing. */
  readonly resumePassings: ReadonlyMap<string, number>;
  /** From the moment that the engine was ready. */
  readonly ms: number;
}

/** Folders and processes of one case after the other. Several lanes work side by side. */
export class Lane {
  readonly out: string;
  readonly state: string;
  readonly reader: Reader;
  private readonly flags: string;
  private readonly servers = new Map<string, Server>();

  private readonly root: string;
  private readonly programs: string;
  readonly inputs: string;
  private readonly partitionBytes: number;

  constructor(root: string, programs: string, inputs: string, partitionBytes: number) {
    this.partitionBytes = partitionBytes;
    this.root = root;
    this.programs = programs;
    this.inputs = inputs;
    this.out = join(root, "out");
    this.state = join(root, "state");
    this.flags = join(root, "flags");
    mkdirSync(root, { recursive: true });
    this.reader = new Reader(join(programs, "reader.mjs"));
  }

  /** Nothing of an earlier case is left; the targets are what `older` is. */
  reset(older: string): void {
    restore(this.out, older);
    for (const folder of [this.flags, this.state]) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
    }
  }

  request({ name, replay }: Pipeline, runId: string | null, first = false): Request {
    const place = { inputs: this.inputs, out: this.out, flags: this.flags };
    return { plan: name, place, runId, replay: replay === true && !first };
  }

  run(pipeline: Pipeline, request: Request, number = 0, kill: Kill | null = null): Promise<Ended> {
    return runOnce(join(this.programs, "child.mjs"), this.optionsOf(pipeline, number), request, kill);
  }

  server(pipeline: Pipeline, number: number): Server {
    const key = `${pipeline.name} ${number}`;
    const known = this.servers.get(key);
    if (known !== undefined) return known;
    const made = new Server(join(this.programs, "child.mjs"), this.optionsOf(pipeline, number));
    this.servers.set(key, made);
    return made;
  }

  /** The latest run; null where it had not come to be one that can be gone on with. */
  runId(): string | null {
    const runs = join(this.state, "runs");
    const latest = existsSync(runs) ? readdirSync(runs).sort().at(-1) : undefined;
    return latest !== undefined && existsSync(join(runs, latest, "owners")) ? latest : null;
  }

  runFolder(runId: string): string {
    return join(this.state, "runs", runId);
  }

  /** Runs a pipeline undisturbed, and notes the points that it passes. */
  async reference(pipeline: Pipeline, older: string): Promise<Reference> {
    this.reset(older);
    const runId = await this.prepare(pipeline);
    const before = treeOf(this.out);
    const trace = join(this.root, "trace");
    rmSync(trace, { force: true });
    const ended = await this.run(pipeline, this.request(pipeline, runId), 0, { at: `trace:${trace}` });
    if (ended.last.kind !== "result")
      throw new Error(`${pipeline.name} fails undisturbed: ${JSON.stringify(ended.last)} ${ended.err}`);
    const passings = passingsIn(trace);
    const { counts, status } = ended.last;
    const tasks = ended.lines.filter(({ kind }) => kind === "task-finished").length;
    const own = String(ended.last.runId);
    const runFolder = treeOf(this.runFolder(own));
    const after = treeOf(this.out);
    return { runId: own, before, after, runFolder, counts, status, tasks, passings, resumePassings: new Map(), ms: ended.ms };
  }

  /** Cuts a run off that is about to publish, and notes what the next process passes that brings it to its end. */
  async withResume(pipeline: Pipeline, older: string, reference: Reference): Promise<Reference> {
    if (!reference.passings.has("publishing")) return reference;
    this.reset(older);
    await this.run(pipeline, this.request(pipeline, null), 0, { at: "publishing:1" });
    const trace = join(this.root, "trace");
    rmSync(trace, { force: true });
    await this.run(pipeline, this.request(pipeline, this.runId()), 0, { at: `trace:${trace}` });
    const others = [...passingsIn(trace)].filter(([point]) => !reference.passings.has(point));
    return { ...reference, resumePassings: new Map(others) };
  }

  /** What comes before that which is killed: the run whose rejects are replayed. */
  async prepare(pipeline: Pipeline): Promise<string | null> {
    if (pipeline.replay !== true) return null;
    const { last, err } = await this.server(pipeline, 0).ask(this.request(pipeline, null, true));
    if (last.kind !== "result") throw new Error(`${pipeline.name} fails undisturbed: ${JSON.stringify(last)} ${err}`);
    return String(last.runId);
  }

  close(): void {
    this.reader.close();
    for (const server of this.servers.values()) server.close();
    this.servers.clear();
  }

  private optionsOf({ options }: Pipeline, number: number): EngineOptions {
    return {
      partitionBytes: this.partitionBytes,
      stateDir: this.state,
      history: false,
      ...options,
      ...settings[number % settings.length],
    };
  }
}

function passingsIn(trace: string): Map<string, number> {
  const passings = new Map<string, number>();
  for (const point of readFileSync(trace, "utf8").trim().split("\n")) passings.set(point, (passings.get(point) ?? 0) + 1);
  return passings;
}
