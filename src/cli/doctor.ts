import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { Engine, read, udf } from "../index.js";
import { exitCodes } from "./exitCodes.js";
import { errorDataOf, printable } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { bytesText, durationText } from "./numbers.js";
import { paint, type Terminal } from "./terminal.js";

/** One line of the doctor's findings. */
export interface Finding {
  readonly name: string;
  readonly level: "ok" | "warn" | "fail";
  readonly detail: string;
}

/** `millrace doctor`: whether this machine can run jobs; exit code 1 when something essential fails. */
export function doctorCommand(terminal: Terminal, done: (code: number) => void): Command {
  return new Command("doctor")
    .description("check that this machine can run jobs")
    .option("--json", "print findings as NDJSON on stdout")
    .action(async (flags: { readonly json?: boolean }) => {
      let failed = false;
      for (const check of checks) {
        const finding = await guarded(check);
        failed ||= finding.level === "fail";
        terminal.out(flags.json === true ? jsonLine({ kind: "finding", ...finding }) : findingLine(terminal, finding));
      }
      done(failed ? exitCodes.failed : exitCodes.ok);
    });
}

function findingLine(terminal: Terminal, finding: Finding): string {
  const style = finding.level === "ok" ? "green" : finding.level === "warn" ? "yellow" : "red";
  return `${paint(terminal, style, finding.level.padEnd(4))}  ${finding.name.padEnd(9)}  ${printable(finding.detail)}\n`;
}

interface Check {
  readonly name: string;
  readonly look: () => Finding | Promise<Finding>;
}

const checks: readonly Check[] = [
  { name: "node", look: nodeVersion },
  { name: "cores", look: cores },
  { name: "memory", look: memory },
  { name: "temp", look: temporary },
  { name: "wasm", look: wasm },
  { name: "duckdb", look: duckdb },
  { name: "workers", look: workers },
];

/** A check that throws has failed, and says why. */
async function guarded(check: Check): Promise<Finding> {
  try {
    return await check.look();
  } catch (thrown) {
    const error = errorDataOf(thrown);
    return { name: check.name, level: "fail", detail: `${error.code}: ${error.message}` };
  }
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const enough = major > 20 || (major === 20 && minor >= 19);
  const detail = `Node ${process.versions.node} on ${process.platform} ${process.arch}${enough ? "" : "; 20.19 or newer is needed"}`;
  return { name: "node", level: enough ? "ok" : "fail", detail };
}

function cores(): Finding {
  const usable = availableParallelism();
  const quota = cgroupCpus();
  const detail = `${usable} usable of ${cpus().length}${quota === null ? "" : `, limited to ${quota.toFixed(1)} by the container`}`;
  const less = quota !== null && quota < usable;
  return {
    name: "cores",
    level: less ? "warn" : "ok",
    detail: less ? `${detail}; give --workers ${Math.max(1, Math.floor(quota))}` : detail,
  };
}

function memory(): Finding {
  const total = totalmem();
  const limit = cgroupMemory();
  const usable = limit === null ? total : Math.min(limit, total);
  const detail = `${bytesText(usable)}${limit !== null && limit < total ? ` allowed by the container, of ${bytesText(total)}` : ""}`;
  return usable < 1e9
    ? { name: "memory", level: "warn", detail: `${detail}; big merges will spill early` }
    : { name: "memory", level: "ok", detail };
}

function temporary(): Finding {
  const folder = tmpdir();
  accessSync(folder, constants.W_OK);
  const probe = mkdtempSync(join(folder, "millrace-doctor-"));
  try {
    writeFileSync(join(probe, "probe"), "x");
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
  const stat = statfsSync(folder);
  const free = stat.bavail * stat.bsize;
  const level = free < 1e9 ? "warn" : "ok";
  return { name: "temp", level, detail: `${folder} is writable, ${bytesText(free)} free` };
}

/** A module whose one function uses a SIMD instruction. */
const simdProbe = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

interface WasmHost {
  readonly WebAssembly?: { validate(bytes: Uint8Array): boolean };
}

function wasm(): Finding {
  if ((globalThis as unknown as WasmHost).WebAssembly?.validate(Uint8Array.from(simdProbe)) !== true) {
    return { name: "wasm", level: "fail", detail: "this Node has no WebAssembly SIMD" };
  }
  // Among the modules, or beside the bundle.
  const places = ["../kernels/kernels.wasm", "./kernels.wasm"].map((path) => new URL(path, import.meta.url));
  if (!places.some((place) => existsSync(place)))
    return { name: "wasm", level: "fail", detail: "kernels.wasm is missing from the installation" };
  return { name: "wasm", level: "ok", detail: "SIMD works, kernels are there" };
}

async function duckdb(): Promise<Finding> {
  const start = performance.now();
  const engine = await Engine.create({ workers: 1 });
  try {
    const table = await engine.collect(read.rows([{ one: 1 }]).sql("select version() as version from input"));
    const version = String(table.getChild("version")?.get(0));
    const binding = createRequire(import.meta.url)("@duckdb/node-api/package.json") as { version: string };
    const took = durationText(performance.now() - start);
    return { name: "duckdb", level: "ok", detail: `DuckDB ${version} (binding ${binding.version}) answers in ${took}` };
  } finally {
    await engine.close();
  }
}

async function workers(): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-doctor-"));
  const start = performance.now();
  const engine = await Engine.create({ workers: 2 });
  try {
    const file = join(folder, "numbers.csv");
    writeFileSync(file, "n\n1\n2\n3\n");
    const double = udf((n: number) => n * 2, { returns: "int32" });
    const doubled = read.csv(file, { schema: { n: "int32" } }).withColumns((c) => ({ twice: double(c.n) }));
    const twice = (await engine.collect(doubled)).getChild("twice");
    const values = [0, 1, 2].map((row) => Number(twice?.get(row)));
    const right = values.join() === "2,4,6";
    const took = durationText(performance.now() - start);
    return right
      ? { name: "workers", level: "ok", detail: `a function ran in a worker, ${took} with start-up` }
      : { name: "workers", level: "fail", detail: `expected 2,4,6 from a worker, found ${values.join()}` };
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function cgroupMemory(): number | null {
  const text = firstReadable(["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]);
  const limit = Number(text);
  return text === null || !Number.isFinite(limit) || limit > 2 ** 60 ? null : limit;
}

function cgroupCpus(): number | null {
  const [quota, period] = (firstReadable(["/sys/fs/cgroup/cpu.max"]) ?? "max").split(" ").map(Number);
  return quota === undefined || period === undefined || !Number.isFinite(quota) ? null : quota / period;
}

function firstReadable(paths: readonly string[]): string | null {
  for (const path of paths) {
    if (existsSync(path)) return readFileSync(path, "utf8").trim();
  }
  return null;
}
