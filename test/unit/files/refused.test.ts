import fs, { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, expect, it } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import { fileChecksum, whatIsWrong } from "../../../src/engine/journal/fileCheck.js";
import { PagedFile } from "../../../src/exchange/pagedFile.js";
import { nodeFileSystem, writeTextAtomically } from "../../../src/io/fileSystem.js";
import { openGzip, openPlain, readHeadBytes } from "../../../src/io/text/textBytes.js";
import { openReader, planPartitions, resolveSource } from "../../../src/io/sources.js";
import { arrowFile, parquetFile } from "./small.js";
import { openFilesBelow } from "../../support/openFiles.js";

const root = mkdtempSync(join(tmpdir(), "millrace-refused-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Refusable = "fstatSync" | "fsyncSync" | "readSync";
const kept = new Map<Refusable, unknown>();
let calls = 0;

/** From now on the system says no, until the test is over. */
function refuse(name: Refusable, code = "EIO", times = Number.POSITIVE_INFINITY): void {
  const original = (kept.get(name) ?? fs[name]) as (...args: unknown[]) => unknown;
  kept.set(name, original);
  calls = 0;
  const replaced = (...args: unknown[]): unknown => {
    if (++calls > times) return original(...args);
    const syscall = name.replace("Sync", "");
    throw Object.assign(new Error(`${code}: i/o error, ${syscall}`), { code, syscall });
  };
  Object.assign(fs, { [name]: replaced });
  syncBuiltinESMExports();
}

afterEach(() => {
  for (const [name, original] of kept) Object.assign(fs, { [name]: original });
  kept.clear();
  syncBuiltinESMExports();
});

const openFiles = () => openFilesBelow(root);

async function failureOf(run: () => unknown): Promise<MillraceError> {
  try {
    await run();
  } catch (thrown) {
    if (thrown instanceof MillraceError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

const text = join(root, "a.csv");
writeFileSync(text, "id\n1\n");
const gzip = join(root, "a.csv.gz");
writeFileSync(gzip, gzipSync("id\n1\n"));
const sizeOf = (path: string) => ({ path, bytes: fs.statSync(path).size, modifiedMs: 0, partition: [] });

const opening: Record<string, () => unknown> = {
  "the records of a text file": () => openPlain(sizeOf(text), 0),
  "a gzip file": () => openGzip(sizeOf(gzip)),
  "the head of a text file": () => readHeadBytes(sizeOf(text), 10),
  "a file between stages": () => new PagedFile(text, 1 << 16),
};

it.each(Object.keys(opening))("fstat of %s: the error names the file, which does not stay open", async (what) => {
  refuse("fstatSync");
  const error = await failureOf(() => opening[what]?.());
  const path = what === "a gzip file" ? gzip : text;
  expect(error).toMatchObject({ code: "FILE_IO", place: { file: path } });
  expect(error.message).toContain(`${path}: EIO: i/o error, fstat`);
  expect(openFiles()).toEqual([]);
});

it.each(["parquet", "arrow"] as const)(
  "fstat of a %s file: the error names the file, which does not stay open",
  async (format) => {
    const path = join(root, `a.${format}`);
    await (format === "parquet" ? parquetFile(path) : arrowFile(path));
    const spec = { format, paths: [path], onReject: "fail", rejectLimits: {} } as const;
    const source = await resolveSource(spec);
    const [part] = await planPartitions(source, 1 << 20);
    if (part === undefined) throw new Error("no partition");
    refuse("fstatSync");
    const options = { batchRows: 8, partition: 0, reject: () => undefined };
    const error = await failureOf(async () => {
      const reader = await openReader({ source, schema: source.schema }, part, options);
      await reader.next();
    });
    expect(error).toMatchObject({ place: { file: path } });
    expect(error.message).toContain("EIO");
    expect(openFiles()).toEqual([]);
  },
);

it("fstat that is refused for a moment is asked again", () => {
  refuse("fstatSync", "EAGAIN", 2);
  openPlain(sizeOf(text), 0).close();
  expect(calls).toBe(3);
});

it.each(["EIO", "EINTR", "EAGAIN", "EBUSY"])(
  "fsync of a folder (%s) is asked for once, and its failure names the folder",
  async (code) => {
    refuse("fsyncSync", code);
    const error = await failureOf(() => nodeFileSystem.syncFolder(root));
    expect(error).toMatchObject({ code: "FILE_IO", place: { file: root } });
    expect(error.message).toContain(`cannot sync ${root}: ${code}`);
    expect(calls).toBe(1);
    expect(openFiles()).toEqual([]);
  },
);

it("a text whose fsync is refused is not put in place of the old one", async () => {
  const file = join(root, "text.json");
  writeTextAtomically(nodeFileSystem, file, "old");
  refuse("fsyncSync");
  const error = await failureOf(() => writeTextAtomically(nodeFileSystem, file, "new"));
  expect(error).toMatchObject({ code: "FILE_IO", place: { file } });
  expect(fs.readFileSync(file, "utf8")).toBe("old");
  expect(calls).toBe(1);
  expect(openFiles()).toEqual([]);
});

it("the checksum of what an earlier process wrote: asked again for a moment, and then the error names the file", async () => {
  // crc32 of "id\n1\n", by zlib of Python.
  const wanted = { bytes: 5, checksum: "cd5be90f" };
  expect(await fileChecksum(text)).toEqual(wanted);
  refuse("readSync", "EAGAIN", 2);
  expect(await fileChecksum(text)).toEqual(wanted);
  refuse("readSync");
  const error = await failureOf(() => whatIsWrong([{ path: text, rows: 1, partitionValues: [], ...wanted }]));
  expect(error).toMatchObject({ code: "FILE_IO", place: { file: text } });
  expect(error.message).toContain("EIO: i/o error, read");
  expect(openFiles()).toEqual([]);
  expect(await fileChecksum(join(root, "none"))).toBeNull();
});
