import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { EngineOptions } from "millrace";
import type { Request, Setup } from "./child.ts";
import type { Expected } from "./target.ts";

/** A line that a process told. */
export interface Told {
  readonly kind: string;
  readonly [name: string]: unknown;
}

export interface Ended {
  readonly signal: string | null;
  readonly lines: readonly Told[];
  /** The last line: `result`, `error`, or where it was cut off. */
  readonly last: Told;
  readonly err: string;
  /** Since the engine was ready. */
  readonly ms: number;
}

/** Longer than any run takes on a busy machine; a run that takes longer hangs. */
const patienceSeconds = 90;

/** Calls once patience is at its end. Counted in ticks: time in which these processes were stopped, or the machine slept, makes no run hang. */
function afterPatience(act: () => void): NodeJS.Timeout {
  let ticks = 0;
  const timer = setInterval(() => {
    if (++ticks === patienceSeconds) act();
  }, 1000);
  return timer;
}

/** Writes the programs of the processes down as plain JavaScript: hundreds of them are started, and none should translate its own. */
export async function writePrograms(folder: string): Promise<void> {
  const { default: amaro } = await import("amaro");
  const engine = pathToFileURL(resolve(import.meta.dirname, "../../dist/run/index.js")).href;
  for (const name of ["child", "plans", "reader", "target"]) {
    const { code } = amaro.transformSync(readFileSync(join(import.meta.dirname, `${name}.ts`), "utf8"), { mode: "strip-only" });
    const text = code.replaceAll(/"\.\/(\w+)\.ts"/g, '"./$1.mjs"').replaceAll('"millrace"', JSON.stringify(engine));
    writeFileSync(join(folder, `${name}.mjs`), text);
  }
}

const start = (program: string, argument: object | null, env: NodeJS.ProcessEnv): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, [program, ...(argument === null ? [] : [JSON.stringify(argument)])], { env, stdio: "pipe" });

export interface Kill {
  /** `name:n`, or the milliseconds after the engine was ready. */
  readonly at: string | number;
}

/** Runs one request in a process of its own, which may be killed. */
export function runOnce(program: string, options: EngineOptions, request: Request, kill: Kill | null): Promise<Ended> {
  const point = typeof kill?.at === "string" ? { MILLRACE_KILL_AT: kill.at } : {};
  const child = start(program, { options, request } satisfies Setup, { ...process.env, ...point });
  const lines: Told[] = [];
  let err = "";
  let began = performance.now();
  const timers = [afterPatience(() => child.kill("SIGTERM") && child.kill("SIGKILL"))];
  createInterface(child.stdout).on("line", (text) => {
    const line = JSON.parse(text) as Told;
    lines.push(line);
    if (line.kind === "ready") began = performance.now();
    if (line.kind === "ready" && typeof kill?.at === "number") timers.push(setTimeout(() => child.kill("SIGKILL"), kill.at));
  });
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString();
  });
  return new Promise((done) =>
    child.on("close", (_, signal) => {
      for (const timer of timers) clearTimeout(timer);
      done({ signal, lines, last: lines.at(-1) ?? { kind: "nothing" }, err, ms: performance.now() - began });
    }),
  );
}

/** A process that takes one request after the other: what resumes a run need not be new itself. */
export class Server {
  private readonly child: ChildProcessWithoutNullStreams;
  private lines: Told[] = [];
  private err = "";
  private began = 0;
  private settle: ((ended: Ended) => void) | null = null;

  constructor(program: string, options: EngineOptions) {
    this.child = start(program, { options, request: null } satisfies Setup, process.env);
    this.child.stderr.on("data", (text: Buffer) => {
      this.err += text.toString();
    });
    createInterface(this.child.stdout).on("line", (text) => {
      const line = JSON.parse(text) as Told;
      if (line.kind === "ready") return;
      this.lines.push(line);
      if (line.kind === "result" || line.kind === "error") this.end(null);
    });
    this.child.on("close", (_, signal) => this.end(signal ?? "closed"));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  ask(request: Request): Promise<Ended> {
    this.lines = [];
    this.err = "";
    this.began = performance.now();
    return new Promise((done) => {
      const timer = afterPatience(() => this.child.kill("SIGKILL"));
      this.settle = (ended) => {
        clearTimeout(timer);
        done(ended);
      };
      this.child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  close(): void {
    this.child.stdin.end();
  }

  private end(signal: string | null): void {
    const { settle, lines, err } = this;
    this.settle = null;
    settle?.({ signal, lines, last: lines.at(-1) ?? { kind: "nothing" }, err, ms: performance.now() - this.began });
  }
}

export interface Readings {
  readonly reads: number;
  readonly partial: readonly string[];
}

/** The process that looks at the targets all the time. */
export class Reader {
  private readonly child: ChildProcessWithoutNullStreams;
  private settle: ((readings: Readings) => void) | null = null;

  constructor(program: string) {
    this.child = start(program, null, process.env);
    createInterface(this.child.stdout).on("line", (text) => this.settle?.(JSON.parse(text) as Readings));
    this.child.stderr.on("data", (text: Buffer) => this.settle?.({ reads: 0, partial: [text.toString()] }));
  }

  watch(expected: Expected): void {
    this.child.stdin.write(`${JSON.stringify(expected)}\n`);
  }

  stop(): Promise<Readings> {
    return new Promise((done) => {
      this.settle = done;
      this.child.stdin.write("stop\n");
    });
  }

  close(): void {
    this.child.stdin.end();
  }
}
