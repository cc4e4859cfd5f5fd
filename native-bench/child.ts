/** One engine does one workload once: `child.js <workload> <engine> <task as JSON>`. The last line is the summary as JSON. */
import { join } from "node:path";
import type { EngineName } from "./workload.ts";
import { workloads } from "./workloads/index.ts";

interface Order {
  readonly data: string;
  readonly out: string;
  readonly rows: number;
  readonly threads: number;
}

const [name, engine, text] = process.argv.slice(2);
const order = JSON.parse(text ?? "{}") as Order;
const action = workloads.find((workload) => workload.name === name)?.engines[engine as EngineName];
if (action === undefined) throw new Error(`no ${engine} for ${name}`);
// Polars takes its threads from here, before it is loaded.
process.env.POLARS_MAX_THREADS = String(order.threads);
const start = performance.now();
const notes: string[] = [];
const summary = await action({ ...order, file: (file) => join(order.data, file), note: (text) => notes.push(text) });
const workMs = performance.now() - start;
// The high-water mark of the kernel, in KiB: what the process really held, native memory included.
const peakKb = process.resourceUsage().maxRSS;
process.stdout.write(`\n${JSON.stringify({ summary, workMs, peakKb, notes })}\n`);
