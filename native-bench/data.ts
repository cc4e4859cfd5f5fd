import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ByteWriter } from "../datasets/byteWriter.ts";
import { salesToParquet, writeCustomers } from "../datasets/customers.ts";
import { Random } from "../datasets/random.ts";
import { writeSales } from "../datasets/sales.ts";
import type { DataFile } from "./workload.ts";

/** Makes the files that are not there yet, in a folder of their own per number of rows. Gives the folder. */
export async function prepareData(root: string, rows: number, brcRows: number): Promise<string> {
  const folder = join(root, `bench-${rows}`);
  mkdirSync(folder, { recursive: true });
  const customers = Math.max(1_000, Math.min(500_000, Math.floor(rows / 20)));
  const common = { rows, seed: 42, days: 90, customers };
  const at = (name: DataFile) => join(folder, name);
  const once = async (name: DataFile, identity: string, make: () => unknown) => {
    const mark = `${at(name)}.made`;
    if (existsSync(at(name)) && existsSync(mark) && readFileSync(mark, "utf8") === identity) return;
    process.stderr.write(`making ${name} …\n`);
    await make();
    writeFileSync(mark, identity);
  };
  await once("sales.csv", "1", () => writeSales({ ...common, dirt: 0, format: "csv", pathOf: () => at("sales.csv") }));
  await once("sales-dirty.csv", "1", () =>
    writeSales({ ...common, dirt: 1, format: "csv", pathOf: () => at("sales-dirty.csv") }),
  );
  await once("sales.jsonl", "1", () => writeSales({ ...common, dirt: 0, format: "jsonl", pathOf: () => at("sales.jsonl") }));
  await once("sales-files", "1", () => cutFile(at("sales.csv"), at("sales-files")));
  await once("sales.parquet", "1", () => salesToParquet(at("sales.csv"), at("sales.parquet")));
  await once("customers.parquet", "1", () => writeCustomers(at("customers.parquet"), customers));
  await once("measurements.txt", `${brcRows}`, () => writeMeasurements(at("measurements.txt"), brcRows));
  return folder;
}

const cutBytes = 100_000;
const mostFiles = 2000;

/** The beginning of a CSV file as many small ones, each with the header. */
function cutFile(path: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const fd = openSync(path, "r");
  // What the measuring process holds would count as the memory of those that it starts.
  const piece = Buffer.alloc(cutBytes + 4096);
  const lineEnd = (position: number, after: number): number =>
    piece.subarray(0, readSync(fd, piece, 0, piece.length, position)).indexOf(10, after) + 1;
  const headerEnd = lineEnd(0, 0);
  const header = Buffer.from(piece.subarray(0, headerEnd));
  for (let from = header.length, n = 0; n < mostFiles; n++) {
    const length = lineEnd(from, cutBytes);
    if (length === 0) break;
    writeFileSync(join(folder, `part-${String(n).padStart(5, "0")}.csv`), Buffer.concat([header, piece.subarray(0, length)]));
    from += length;
  }
  closeSync(fd);
}

/** The file of the one billion row challenge: 413 stations, `name;12.3`, -99.9 to 99.9, in no order. */
function writeMeasurements(path: string, rows: number): void {
  const random = new Random(1);
  const stations = Array.from({ length: 413 }, (_, i) => ({ name: stationName(i, random), mean: random.below(500) - 100 }));
  const out = new ByteWriter(path);
  for (let i = 0; i < rows; i++) {
    const station = stations[random.below(stations.length)];
    if (station === undefined) continue;
    const tenths = Math.max(-999, Math.min(999, station.mean + random.below(200) - 100));
    out.text(station.name);
    out.byte(59);
    if (tenths < 0) out.byte(45);
    const size = Math.abs(tenths);
    out.integer((size / 10) | 0);
    out.byte(46);
    out.integer(size % 10);
    out.endRow();
  }
  out.close();
}

/** Names of 3 to 20 letters, as cities have. */
function stationName(index: number, random: Random): string {
  const syllables = [
    "al",
    "ber",
    "chi",
    "dor",
    "en",
    "fur",
    "gan",
    "hol",
    "is",
    "kra",
    "lin",
    "mar",
    "nor",
    "os",
    "pel",
    "rin",
    "sta",
    "tul",
  ];
  let name = "";
  for (let rest = 1 + random.below(6); rest > 0; rest--) name += syllables[random.below(syllables.length)];
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}${index}`;
}
