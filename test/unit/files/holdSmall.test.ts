import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { holdSmall } from "../../../src/io/text/textBytes.js";
import type { SourceFile } from "../../../src/plan/bound.js";

const root = mkdtempSync(join(tmpdir(), "hold-small-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;

function fileOf(content: string | Uint8Array, end = ".csv"): SourceFile {
  const path = join(root, `${made++}${end}`);
  writeFileSync(path, content);
  return { path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] };
}

function bytesFrom(file: SourceFile, start: number, step: number): Buffer {
  const small = holdSmall(file);
  if (small === null) throw new Error("the file is not held");
  const source = small.open(start);
  const parts: Buffer[] = [];
  for (;;) {
    const into = Buffer.alloc(step + 3);
    const count = source.read(into, 3, step) as number;
    if (count === 0) break;
    parts.push(into.subarray(3, 3 + count));
  }
  source.close();
  return Buffer.concat(parts);
}

it("gives a file's bytes from any place, in pieces", () => {
  for (const length of [0, 1, 1000, 256 * 1024]) {
    const content = Buffer.from(Array.from({ length }, (_, i) => i % 251));
    const file = fileOf(content);
    for (const start of [0, Math.min(3, length), length])
      for (const step of [7000, 2 ** 20]) expect(bytesFrom(file, start, step).equals(content.subarray(start))).toBe(true);
  }
});

it("holds one at a time, and none that is large or compressed", () => {
  const [first, second] = [fileOf("a\n"), fileOf("b\n")];
  const held = holdSmall(first);
  expect(Buffer.from(held?.text.held ?? []).toString()).toBe("a\n");
  expect(holdSmall(second)).toBeNull();
  expect(Buffer.from(held?.text.held ?? []).toString()).toBe("a\n");
  held?.close();
  expect(bytesFrom(second, 0, 10).toString()).toBe("b\n");
  expect(holdSmall(fileOf(Buffer.alloc(256 * 1024 + 1)))).toBeNull();
  expect(holdSmall(fileOf(gzipSync("a\n"), ".csv.gz"))).toBeNull();
});

it("tells of a file that is longer or shorter than it was, and of one that is gone", () => {
  const [longer, shorter, gone, empty] = [fileOf("a,b\n1,2\n"), fileOf("a,b\n1,2\n"), fileOf("a\n"), fileOf("")];
  appendFileSync(longer.path, "3,4\n");
  truncateSync(shorter.path, 5);
  appendFileSync(empty.path, "a\n");
  rmSync(gone.path);
  for (const file of [longer, shorter, empty])
    expect(() => holdSmall(file)).toThrowError(expect.objectContaining({ code: "SOURCE_CHANGED" }));
  expect(() => holdSmall(gone)).toThrowError(expect.objectContaining({ code: "SOURCE_UNREADABLE" }));
  // What failed holds nothing.
  const next = fileOf("x\n");
  expect(bytesFrom(next, 0, 10).equals(readFileSync(next.path))).toBe(true);
});
