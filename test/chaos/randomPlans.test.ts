import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import type { EngineOptions } from "millrace";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type KillPoint, killPoints } from "../../src/io/killPoint.ts";
import { fuzzSeed, type Random, randomFrom } from "../fuzz/random.js";
import type { RandomRequest } from "./randomChild.ts";

/**
 * Random plans, each run undisturbed and then killed at random and resumed, with other workers and memory: the files must be the same.
 * `MILLRACE_PLANS` and `MILLRACE_KILLS` look longer, `MILLRACE_PROPERTY_SEED` and `MILLRACE_FIRST_PLAN` repeat a failure.
 */
const plans = Number(process.env.MILLRACE_PLANS ?? 3);
const killsEach = Number(process.env.MILLRACE_KILLS ?? 2);
const firstPlan = Number(process.env.MILLRACE_FIRST_PLAN ?? 0);
const rows = 6_000;
const patienceMs = 90_000;

const folder = mkdtempSync(join(tmpdir(), "millrace-random-chaos-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Written down as plain JavaScript, so that no process has to translate it. */
beforeAll(async () => {
  const { default: amaro } = await import("amaro");
  const engine = pathToFileURL(resolve(import.meta.dirname, "../../dist/run/index.js")).href;
  const duckdb = import.meta.resolve("@duckdb/node-api");
  for (const file of ["chaos/randomChild", "fuzz/planSteps", "fuzz/planTables", "fuzz/planExpressions", "fuzz/random"]) {
    const source = readFileSync(resolve(import.meta.dirname, `../${file}.ts`), "utf8");
    const { code } = amaro.transformSync(source, { mode: "strip-only" });
    const text = code
      .replaceAll(/"\.{1,2}\/(?:fuzz\/)?(\w+)\.js"/g, '"./$1.mjs"')
      .replaceAll('"millrace"', JSON.stringify(engine))
      .replaceAll('"@duckdb/node-api"', JSON.stringify(duckdb));
    writeFileSync(join(folder, `${file.split("/").at(-1)}.mjs`), text);
  }
});

interface Ended {
  readonly killed: boolean;
  readonly told: string;
  readonly err: string;
  /** Since the engine was ready. */
  readonly ms: number;
}

type Kill = { readonly afterMs: number } | { readonly point: KillPoint; readonly nth: number } | null;

function run(request: RandomRequest, kill: Kill): Promise<Ended> {
  const at = kill !== null && "point" in kill ? { MILLRACE_KILL_AT: `${kill.point}:${kill.nth}` } : {};
  const child = spawn(process.execPath, [join(folder, "randomChild.mjs"), JSON.stringify(request)], {
    env: { ...process.env, ...at },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [told, err, began] = ["", "", performance.now()];
  const timers = [setTimeout(() => child.kill("SIGABRT"), patienceMs)];
  child.stdout.on("data", (text: Buffer) => {
    if (told === "") {
      began = performance.now();
      if (kill !== null && "afterMs" in kill) timers.push(setTimeout(() => child.kill("SIGKILL"), kill.afterMs));
    }
    told += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString();
  });
  return new Promise((done) =>
    child.on("close", (_, signal) => {
      for (const timer of timers) clearTimeout(timer);
      done({ killed: signal === "SIGKILL", told, err, ms: performance.now() - began });
    }),
  );
}

/** Every file of a target with its checksum but the manifest, which names its run. Other names that a reader skips are left-overs. */
function filesIn(path: string): readonly string[] {
  if (!existsSync(path)) return ["nothing was published"];
  const names = readdirSync(path, { recursive: true, encoding: "utf8", withFileTypes: true }).filter((entry) => entry.isFile());
  return names
    .map(({ parentPath, name }) => ({ name, file: join(parentPath, name) }))
    .map(({ name, file }) => (name === "manifest.json" ? name : `${name} ${crc32(readFileSync(file))}`))
    .sort();
}

const killOf = (random: Random, ms: number): Kill =>
  random.chance(0.5)
    ? { afterMs: random.below(Math.ceil(ms)) }
    : { point: random.pick(killPoints as unknown as readonly [KillPoint, ...KillPoint[]]), nth: 1 + random.below(4) };

const machines: readonly [EngineOptions, ...EngineOptions[]] = [
  { workers: 2, memory: "450MB" },
  { workers: 1, memory: "600MB" },
  { workers: 3 },
];

it(`${plans} random plans, killed ${killsEach} times each, leave what undisturbed runs do`, {
  timeout: 180_000 + plans * killsEach * 60_000,
}, async () => {
  for (let plan = firstPlan; plan < firstPlan + plans; plan++) {
    const random = randomFrom(fuzzSeed, 1_000_000 + plan);
    const place = join(folder, `plan-${plan}`);
    const inputs = join(place, "inputs");
    mkdirSync(inputs, { recursive: true });
    const both = random.pick<EngineOptions>([{ partitionBytes: 20_000 }, { partitionBytes: 60_000, broadcastBytes: 0 }, {}]);
    const request = (name: string, machine: EngineOptions): RandomRequest => {
      const options = { ...both, ...machine, stateDir: join(place, `state-${name}`) };
      return { seed: fuzzSeed, plan, rows, inputs, out: join(place, name), options };
    };
    const [machine] = machines;
    const calm = await run(request("calm", machine), null);
    expect(calm.told, `seed ${fuzzSeed}, plan ${plan}: ${calm.told}${calm.err}`).toContain("ended success");
    for (let nth = 0; nth < killsEach; nth++) {
      const name = `killed-${nth}`;
      const history: string[] = [];
      let ended: Ended;
      do {
        const kill = history.length < 3 && (history.length === 0 || random.chance(0.4)) ? killOf(random, calm.ms) : null;
        const where = random.chance(0.7) ? machine : random.pick(machines);
        ended = await run(request(name, where), kill);
        history.push(`${JSON.stringify(kill)} on ${JSON.stringify(where)}: ${ended.killed ? "killed" : "ended"}`);
      } while (ended.killed);
      const told = `seed ${fuzzSeed}, plan ${plan}, kill ${nth}:\n${history.join("\n")}\n${ended.told}${ended.err}`;
      expect(ended.told, told).toContain("ended success");
      expect(filesIn(join(place, name)), told).toEqual(filesIn(join(place, "calm")));
      expect(
        readdirSync(place).filter((entry) => entry.startsWith(".")),
        told,
      ).toEqual([]);
      for (const left of [name, `state-${name}`]) rmSync(join(place, left), { recursive: true, force: true });
    }
    rmSync(place, { recursive: true, force: true });
  }
});
