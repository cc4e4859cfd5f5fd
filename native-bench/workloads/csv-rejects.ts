import { closeSync, existsSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { salesSchema } from "../salesSchema.ts";
import { compareWays } from "../ways.ts";
import type { Task, Workload } from "../workload.ts";

/** Every 100th record of a CSV file gets a quantity that is no number, under a name beside the file. Made once. */
function withBadRows(path: string): string {
  const made = path.replace(/\.csv$/, "-1-percent.csv");
  if (existsSync(made)) return made;
  const [from, to] = [openSync(path, "r"), openSync(`${made}.part`, "w")];
  const buffer = Buffer.alloc(1 << 24);
  let kept = 0;
  let row = 0;
  for (;;) {
    const read = readSync(from, buffer, kept, buffer.length - kept, null);
    const length = kept + read;
    let start = 0;
    for (let end = buffer.indexOf(10); end >= 0 && end < length; end = buffer.indexOf(10, start)) {
      if (++row % 100 === 50) spoil(buffer, start);
      start = end + 1;
    }
    writeSync(to, buffer, 0, start);
    buffer.copyWithin(0, start, length);
    kept = length - start;
    if (read === 0) break;
  }
  closeSync(from);
  closeSync(to);
  renameSync(`${made}.part`, made);
  return made;
}

/** The quantity is the fourth field. */
function spoil(buffer: Buffer, record: number): void {
  let at = record;
  for (let commas = 0; commas < 3; at++) if (buffer[at] === 44) commas++;
  buffer[at] = 120;
}

async function toParquet(task: Task, path: string, onReject: "fail" | "quarantine"): Promise<unknown> {
  const { statement } = await import("../peers/millrace.ts");
  const { read } = await import("millrace");
  const rows = read.csv(path, { schema: salesSchema, onReject }).filter((c) => c.quantity.gt(0));
  return statement(task, rows.write.parquet(`${task.out}/result`, { compression: "snappy" }));
}

const comparisons = [
  {
    job: "to Parquet",
    prepare: (task: Task) => withBadRows(task.file("sales.csv")),
    ways: {
      "without onReject": { run: (task: Task) => toParquet(task, task.file("sales.csv"), "fail") },
      "quarantine, none bad": { run: (task: Task) => toParquet(task, task.file("sales.csv"), "quarantine") },
      "quarantine, 1 % bad and kept": { run: (task: Task) => toParquet(task, withBadRows(task.file("sales.csv")), "quarantine") },
    },
  },
];

export const workload: Workload = {
  name: "csv-rejects",
  what: "CSV to Parquet (snappy), what rejects cost: each way in turn, each time in a process of its own",
  engines: { millrace: (task) => compareWays(task, "csv-rejects", comparisons, 7) },
};
