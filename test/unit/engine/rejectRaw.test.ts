import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { RawFiles } from "../../../src/engine/rejects/rejectRaw.js";
import type { ResolvedSource } from "../../../src/plan/bound.js";
import { types } from "../../../src/schema/types.js";

const root = mkdtempSync(join(tmpdir(), "millrace-raw-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const file = { path: "/data/a.jsonl", bytes: 100 } as unknown as ResolvedSource["files"][number];
const source = { spec: { format: "jsonl" }, files: [file] } as unknown as ResolvedSource;

/** Records and their places in the file; behind each there is room for a line end. */
function columns(records: readonly (readonly [number, string])[]): { byte: Column; raw: Column } {
  const length = records.length;
  const ends = new Int32Array(length);
  records.reduce((end, [, text], i) => (ends[i] = end + text.length + 1), 0);
  const starts = new Int32Array(length);
  starts.set(ends.subarray(0, length - 1), 1);
  const bytes = Buffer.from(records.map(([, text]) => `${text}.`).join(""));
  const values = Float64Array.from(records.map(([at]) => at));
  return {
    byte: { layout: "fixed", type: types.float64, length, values, valid: null },
    raw: { layout: "bytes", type: types.binary, length, bytes, starts, ends, valid: null },
  };
}

it("has every record once, whenever it was written", () => {
  const folder = mkdtempSync(join(root, "all-"));
  const raws = new RawFiles(folder);
  raws.add(
    0,
    source,
    file,
    columns([
      [0, "one"],
      [4, "two"],
    ]),
  );
  raws.flush();
  raws.add(
    0,
    source,
    file,
    columns([
      [8, "three"],
      [4, "two"],
    ]),
  );
  raws.flush();
  raws.flush();
  const [entry] = raws.finish();
  expect(entry).toMatchObject({ path: "raw/0000-a.jsonl.raw", headBytes: 0, records: 3 });
  expect(readFileSync(join(folder, "raw/0000-a.jsonl.raw"), "utf8")).toBe("one\ntwo\nthree\n");
});

it.runIf(process.platform === "linux")("a file that cannot be written is named", () => {
  const folder = mkdtempSync(join(root, "full-"));
  mkdirSync(join(folder, "raw"));
  const full = join(folder, "raw/0000-a.jsonl.raw");
  symlinkSync("/dev/full", full);
  const raws = new RawFiles(folder);
  expect(() => {
    raws.add(0, source, file, columns([[0, "one"]]));
    raws.finish();
  }).toThrow(expect.objectContaining({ code: "DISK_FULL", place: { file: full } }));
});
