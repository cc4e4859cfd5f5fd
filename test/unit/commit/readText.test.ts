import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { type FileSystem, nodeFileSystem, readText } from "../../../src/io/fileSystem.js";

/** Another process takes away or replaces a small file just after it was looked at. */
const folder = mkdtempSync(join(tmpdir(), "millrace-read-text-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const meanwhile = (what: () => void): FileSystem => ({
  ...nodeFileSystem,
  stat(file) {
    const found = nodeFileSystem.stat(file);
    what();
    return found;
  },
});

it("a file that goes before it is opened is none", () => {
  const file = join(folder, "gone.json");
  writeFileSync(file, "{}");
  expect(
    readText(
      meanwhile(() => rmSync(file)),
      file,
    ),
  ).toBeNull();
});

it("a file that is replaced before it is opened is read to its end", () => {
  const file = join(folder, "owner.json");
  const longer = JSON.stringify({ runId: "x".repeat(1000) });
  writeFileSync(file, "{}");
  const replaced = meanwhile(() => {
    writeFileSync(`${file}.new`, longer);
    renameSync(`${file}.new`, file);
  });
  expect(readText(replaced, file)).toBe(longer);
});
