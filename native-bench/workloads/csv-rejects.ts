import { salesSchema } from "../salesSchema.ts";
import { closeSync, existsSync, openSync, readSync, writeSync } from "node:fs";
import type { Workload } from "../workload.ts";

/** Every 100th record of a CSV file gets a quantity that is no number, under a name beside the file. Made once. */
function withBadRows(path: string): string {
  const made = path.replace(/\.csv$/, "-1-percent.csv");
  if (existsSync(made)) return made;
  const [from, to] = [openSync(path, "r"), openSync(made, "w")];
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
  return made;
}

/** The quantity is the fourth field. */
function spoil(buffer: Buffer, record: number): void {
  let at = record;
  for (let commas = 0; commas < 3; at++) if (buffer[at] === 44) commas++;
  buffer[at] = 120;
}

export const workload: Workload = {
  name: "csv-rejects",
  what: "CSV to Parquet (snappy), what rejects cost: each way three times in turn in one process",
  engines: {
    millrace: async (task) => {
      const { statement } = await import("../peers/millrace.ts");
      const { read } = await import("millrace");
      const clean = task.file("sales.csv");
      const cases = [
        ["off", clean, "fail"],
        ["none bad", clean, "quarantine"],
        ["1 % bad", withBadRows(clean), "quarantine"],
      ] as const;
      const times: Record<string, number[]> = { off: [], "none bad": [], "1 % bad": [] };
      for (let round = 0; round < 3; round++) {
        for (const [name, path, onReject] of cases) {
          const rows = read.csv(path, { schema: salesSchema, onReject }).filter((c) => c.quantity.gt(0));
          const started = performance.now();
          await statement(task, rows.write.parquet(`${task.out}/result`, { compression: "snappy", mode: "overwrite" }));
          times[name]?.push(performance.now() - started);
        }
      }
      const median = (name: string) => [...(times[name] ?? [])].sort((a, b) => a - b)[1] ?? 0;
      const figures = { off: median("off"), "none bad": median("none bad"), "1 % bad": median("1 % bad") };
      const more = (name: "none bad" | "1 % bad") => `${((100 * figures[name]) / figures.off - 100).toFixed(1)} %`;
      const seconds = (name: keyof typeof figures) => `${(figures[name] / 1000).toFixed(2)} s`;
      task.note(
        `without onReject ${seconds("off")}; quarantine, none bad ${seconds("none bad")} (${more("none bad")}); 1 % bad and kept ${seconds("1 % bad")} (${more("1 % bad")})`,
      );
      return {};
    },
  },
};
