import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Engine } from "millrace";
import { type Fault, type FaultCode, type Operation, operations } from "./inject.mjs";
import { pipelines, writeInputs } from "./pipelines.ts";
import { prepareStand, type Stand, trial } from "./trial.ts";

/**
 * Lets every operation of the file system fail in turn, in every pipeline, until none is left to fail. Run by `npm run faults`:
 *   --pipeline <part of a name>  --operation <name>  --code <name>  --at <k>   only those
 *   --cut <operation>:<k>   cuts each run off by a full disk from that operation on: what fails then is the process that goes on with it
 *   --seconds <n>   stop after so long and take every k-th operation only as far as that reaches (0: all)
 *   --progress <file>   goes on where a sweep that was stopped stood, and notes there how far it comes; it says when nothing is left
 *   --every <n> --seed <s>   of each n operations in a row one, chosen at random
 */
const { values: flags } = parseArgs({
  options: {
    pipeline: { type: "string", default: "" },
    operation: { type: "string" },
    code: { type: "string" },
    at: { type: "string" },
    times: { type: "string" },
    cut: { type: "string" },
    seconds: { type: "string", default: "0" },
    progress: { type: "string" },
    every: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    show: { type: "string", default: "20" },
  },
});

const always = Number.POSITIVE_INFINITY;
/** Which faults an operation can meet, and for how many operations each lasts. */
const kinds: Readonly<Record<Operation, readonly (readonly [FaultCode, number, number?])[]>> = {
  open: [
    ["EIO", 1],
    ["EMFILE", 1],
    ["EMFILE", always],
    ["ENOSPC", 1],
  ],
  read: [
    ["EIO", 1],
    ["EIO", always],
    ["EAGAIN", 1],
    ["SHORT", always],
  ],
  write: [
    ["ENOSPC", 1],
    ["ENOSPC", always],
    ["EIO", 1],
    ["EAGAIN", 1],
    ["SHORT", always],
  ],
  fsync: [
    ["EIO", 1],
    ["ENOSPC", 1],
    ["EIO", always],
  ],
  rename: [
    ["EIO", 1],
    ["ENOSPC", always],
    ["EBUSY", 1],
  ],
  unlink: [
    ["EIO", 1],
    ["EBUSY", 1],
    ["EIO", always],
  ],
  mkdir: [
    ["ENOSPC", 1],
    ["ENOSPC", always],
    ["EIO", 1],
  ],
  readdir: [
    ["EIO", 1],
    ["EMFILE", 1],
  ],
  stat: [
    ["EIO", 1],
    ["EIO", always],
  ],
  truncate: [["EIO", 1]],
  close: [
    ["DELETE", 1],
    ...[0, 40, 99].map((percent) => ["CUT", 1, percent] as const),
    ...[0, 3, 35, 70, 97, 99.9].map((percent) => ["FLIP", 1, percent] as const),
  ],
};

interface Tally {
  trials: number;
  readonly outcomes: Map<string, number>;
  readonly failures: string[];
}

function cutOf(text: string): Fault {
  const [name, at] = text.split(":");
  const operation = operations.find((one) => one === name);
  if (operation === undefined) throw new Error(`no operation ${name}; there are ${operations.join(", ")}`);
  return { operation, code: "ENOSPC", at: Number(at ?? 1), times: always, percent: 0 };
}

const cut = flags.cut === undefined ? null : cutOf(flags.cut);
const root = process.env.MILLRACE_FAULT_ROOT;
if (root === undefined) throw new Error("MILLRACE_FAULT_ROOT names the folder of the trials");
const until = Number(flags.seconds) > 0 ? performance.now() + Number(flags.seconds) * 1000 : always;
const tally: Tally = { trials: 0, outcomes: new Map(), failures: [] };
process.on("unhandledRejection", (error) => tally.failures.push(`unhandled rejection: ${String(error)}`));

const engineFor = (base: string, byQuery: boolean) =>
  Engine.create({
    workers: 2,
    memory: "256MB",
    partitionBytes: 4000,
    stateDir: join(base, "state"),
    retry: { retries: 2, baseMs: 1, maxMs: 2 },
    ...(byQuery ? { broadcastBytes: 0 } : {}),
  });

async function openStand(number: number): Promise<Stand | null> {
  const pipeline = pipelines[number];
  if (pipeline === undefined || !pipeline.name.includes(flags.pipeline)) return null;
  const base = join(root as string, `p${number}`);
  rmSync(base, { recursive: true, force: true });
  mkdirSync(base, { recursive: true });
  writeInputs(base);
  return prepareStand(pipeline, base, await engineFor(base, pipeline.byQuery));
}

/** One kind of fault at one operation. Gives whether there was such an operation. */
async function next(stand: Stand, fault: Fault): Promise<boolean> {
  const { fired, outcome, code, wrong } = await trial(stand, fault, cut);
  if (fired === 0 && wrong.length === 0) return false;
  const { operation, code: injected, at, times } = fault;
  tally.trials++;
  const key = `${operation} ${injected}${times === always ? "…" : ""}: ${outcome}${code === null ? "" : ` ${code}`}`;
  tally.outcomes.set(key, (tally.outcomes.get(key) ?? 0) + 1);
  for (const flaw of wrong) {
    const again = `--pipeline "${stand.pipeline.name}" --operation ${operation} --code ${injected} --at ${at}`;
    tally.failures.push(`${flaw}\n    ${again}${times === always ? " --times always" : ""}`);
  }
  return true;
}

const wanted = operations
  .flatMap((operation) =>
    kinds[operation].map(([code, times, percent = 0]) => ({ operation, code, times, percent, at: Number(flags.at ?? 1) })),
  )
  .filter(({ operation, code, times }) => {
    if (flags.times !== undefined && (flags.times === "always") !== (times === always)) return false;
    return (flags.operation ?? operation) === operation && (flags.code ?? code) === code;
  });
const every = Number(flags.every);
/** Where among operations `n * every + 1` to `(n + 1) * every` of a kind a trial is made. */
function chosen(of: string, n: number): number {
  const digest = createHash("sha256").update(`${flags.seed} ${of} ${n}`).digest();
  return n * every + 1 + (digest.readUInt32LE(0) % every);
}

interface Left {
  readonly pipeline: string;
  readonly fault: Fault;
}

const stored = flags.progress !== undefined && existsSync(flags.progress) ? flags.progress : null;
const earlier: readonly Left[] | null =
  stored === null
    ? null
    : JSON.parse(readFileSync(stored, "utf8"), (key, value) => (key === "times" && value === null ? always : value));
const stands = (await Promise.all(pipelines.map((_, number) => openStand(number)))).filter((stand) => stand !== null);
// By turns, so that a sweep that is cut short has looked at everything a little.
let open = stands.flatMap((stand) =>
  earlier === null
    ? wanted.map((fault) => ({ stand, fault }))
    : earlier.filter(({ pipeline }) => pipeline === stand.pipeline.name).map(({ fault }) => ({ stand, fault })),
);
while (open.length > 0 && performance.now() < until) {
  const further: typeof open = [];
  for (const { stand, fault } of open) {
    if (performance.now() >= until) {
      further.push({ stand, fault });
      continue;
    }
    const kind = `${stand.pipeline.name} ${fault.operation} ${fault.code} ${fault.times} ${fault.percent}`;
    const at = flags.at === undefined ? chosen(kind, fault.at - 1) : fault.at;
    const on = await next(stand, { ...fault, at });
    if (on && flags.at === undefined) further.push({ stand, fault: { ...fault, at: fault.at + 1 } });
  }
  open = further;
}
if (flags.progress !== undefined)
  writeFileSync(flags.progress, JSON.stringify(open.map(({ stand, fault }) => ({ pipeline: stand.pipeline.name, fault }))));
for (const [what, times] of [...tally.outcomes].sort()) console.log(`${String(times).padStart(6)}  ${what}`);
const { trials, failures } = tally;
console.log(`${trials} trials in ${stands.length} pipelines, ${failures.length} failures`);
if (flags.progress !== undefined) console.log(`${open.length} kinds of fault not yet at their end`);
for (const text of failures.slice(0, Number(flags.show))) console.log(`  ${text}`);
await Promise.all(stands.map((stand) => stand.engine.close()));
process.exitCode = failures.length > 0 ? 1 : 0;
