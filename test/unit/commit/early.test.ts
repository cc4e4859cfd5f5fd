import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { assemble, discard, EarlyFile, prepareTarget, publish, type Target } from "../../../src/io/commit/commit.js";
import { fileError } from "../../../src/io/fileErrors.js";
import { type FileSystem, nodeFileSystem } from "../../../src/io/fileSystem.js";
import { openWriter } from "../../../src/io/sink/sinks.js";
import { batchFromRows } from "../../../src/kernels/rows.js";
import type { SinkSpec } from "../../../src/plan/nodes.js";
import { type Schema, types } from "../../../src/schema/types.js";
import type { FileWritten } from "../../../src/task/protocol.js";

const root = mkdtempSync(join(tmpdir(), "early-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const schema: Schema = [
  { name: "id", type: types.int64, nullable: false },
  { name: "name", type: types.utf8, nullable: true },
];
let places = 0;

async function fragmentsOf(format: "parquet" | "csv" | "jsonl", tasks: readonly number[]) {
  const sink: SinkSpec = { format, path: join(root, `out${places++}`), mode: "overwrite", partitionBy: [], options: {} };
  const target = await prepareTarget(sink, "r1");
  const fragments: FileWritten[] = [];
  for (const [task, rows] of tasks.entries()) {
    const directory = join(target.fragments, `p${task}`);
    mkdirSync(directory, { recursive: true });
    const writer = openWriter(sink, schema, directory, task);
    const made = Array.from({ length: rows }, (_, i) => ({ id: BigInt(task * 1000 + i), name: i % 3 === 0 ? null : `n${i}` }));
    await writer.write(batchFromRows(made, schema, "rows"));
    fragments.push(...(await writer.finish()));
  }
  return { target, fragments };
}

/** What the file is without an early one. */
async function plain(target: Target, fragments: readonly FileWritten[]): Promise<Buffer> {
  const [file] = (await assemble(target, schema, fragments)).files;
  return readFileSync(file?.staged ?? "");
}

const earlyOf = (target: Target, files?: FileSystem, syncBytes?: number): EarlyFile => {
  const early = EarlyFile.for(target, schema, files, syncBytes);
  if (early === null) throw new Error("this sink has an early file");
  early.begin(9);
  return early;
};

/** Each fragment is a partition's. */
const addAll = (early: EarlyFile, fragments: readonly FileWritten[]): void => {
  for (const [partition, fragment] of fragments.entries()) early.add(partition, [fragment]);
};

describe("a file that is put together while fragments are still written", () => {
  for (const format of ["parquet", "csv", "jsonl"] as const) {
    it(`has the same bytes and checksum: ${format}`, async () => {
      const { target, fragments } = await fragmentsOf(format, [5, 0, 7, 3]);
      const wanted = await plain(target, fragments);
      const early = earlyOf(target);
      addAll(early, fragments);
      const staged = await assemble(target, schema, fragments, nodeFileSystem, early);
      expect(readFileSync(staged.files[0]?.staged ?? "").equals(wanted)).toBe(true);
      expect(staged).toEqual(await assemble(target, schema, fragments));
      await publish(target, staged);
      expect(readFileSync(join(target.path, `part-00000.${format}`)).equals(wanted)).toBe(true);
      expect(existsSync(dirname(target.staging))).toBe(false);
    });
  }

  it("has what was settled later as well", async () => {
    const { target, fragments } = await fragmentsOf("csv", [2, 2, 2, 2]);
    const wanted = await plain(target, fragments);
    const early = earlyOf(target);
    addAll(early, fragments.slice(0, 2));
    const staged = await assemble(target, schema, fragments, nodeFileSystem, early);
    expect(readFileSync(staged.files[0]?.staged ?? "").equals(wanted)).toBe(true);
    await discard(target);
  });

  it("begins anew where other fragments count", async () => {
    const { target, fragments } = await fragmentsOf("jsonl", [2, 3, 4]);
    const rest = fragments.slice(1);
    const wanted = await plain(target, rest);
    const early = earlyOf(target);
    addAll(early, fragments);
    const staged = await assemble(target, schema, rest, nodeFileSystem, early);
    expect(readFileSync(staged.files[0]?.staged ?? "").equals(wanted)).toBe(true);
    await discard(target);
  });

  it("is done without where it cannot be written", async () => {
    const { target, fragments } = await fragmentsOf("parquet", [2, 3]);
    const wanted = await plain(target, fragments);
    let calls = 0;
    const failing: FileSystem = {
      ...nodeFileSystem,
      copy: () => {
        calls++;
        return Promise.reject(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));
      },
    };
    const early = earlyOf(target, failing);
    addAll(early, fragments);
    await new Promise((wake) => setImmediate(wake));
    const staged = await assemble(target, schema, fragments, nodeFileSystem, early);
    expect(calls).toBe(1);
    expect(readFileSync(staged.files[0]?.staged ?? "").equals(wanted)).toBe(true);
    await discard(target);
  });

  it("is made anew where the disk refused a part of it", async () => {
    const { target, fragments } = await fragmentsOf("csv", [2, 3, 4]);
    const wanted = await plain(target, fragments);
    let calls = 0;
    const startSync = async (): Promise<void> => {
      if (++calls === 1) throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO", syscall: "fdatasync" });
    };
    const opened: string[] = [];
    const open: FileSystem["open"] = (file, how) => {
      if (how === "create") opened.push(file);
      return nodeFileSystem.open(file, how);
    };
    const files: FileSystem = { ...nodeFileSystem, startSync, open };
    const early = earlyOf(target, files, 1);
    addAll(early, fragments);
    const staged = await assemble(target, schema, fragments, files, early);
    expect(opened).toHaveLength(2);
    expect(calls).toBeGreaterThan(1);
    expect(readFileSync(staged.files[0]?.staged ?? "").equals(wanted)).toBe(true);
    await discard(target);
  });

  it("stays open while the disk takes a part of it, and goes on being copied meanwhile", async () => {
    const { target, fragments } = await fragmentsOf("csv", [2, 3, 4]);
    const done: (() => void)[] = [];
    const startSync = (): Promise<void> => new Promise((wake) => void done.push(wake));
    let [copies, closed] = [0, 0];
    const files: FileSystem = {
      ...nodeFileSystem,
      startSync,
      copy: (...args) => {
        copies++;
        return nodeFileSystem.copy(...args);
      },
      close: (fd) => {
        closed++;
        nodeFileSystem.close(fd);
      },
    };
    const early = earlyOf(target, files, 1);
    addAll(early, fragments);
    while (copies < fragments.length) await new Promise((wake) => setImmediate(wake));
    expect(done).toHaveLength(1);
    let over = false;
    const closing = early.close().then(() => {
      over = true;
    });
    for (let i = 0; i < 5; i++) await new Promise((wake) => setImmediate(wake));
    expect([over, closed]).toEqual([false, 0]);
    done[0]?.();
    await closing;
    expect(closed).toBe(1);
    await discard(target);
  });

  it("leaves nothing when it is closed", async () => {
    const { target, fragments } = await fragmentsOf("csv", [2, 3]);
    const early = earlyOf(target);
    addAll(early, fragments);
    await early.close();
    await discard(target);
    expect(existsSync(target.staging)).toBe(false);
  });

  it("is closed where its folder cannot be made again", async () => {
    const { target, fragments } = await fragmentsOf("parquet", [2, 3]);
    const open = new Set<number>();
    const files: FileSystem = {
      ...nodeFileSystem,
      open: (file, how) => {
        const fd = nodeFileSystem.open(file, how);
        open.add(fd);
        return fd;
      },
      close: (fd) => {
        open.delete(fd);
        nodeFileSystem.close(fd);
      },
    };
    const early = earlyOf(target, files);
    addAll(early, fragments);
    const full: FileSystem = {
      ...files,
      makeFolder: (folder) => {
        throw fileError(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }), "make folder", folder);
      },
    };
    await expect(assemble(target, schema, fragments, full, early)).rejects.toMatchObject({ code: "DISK_FULL" });
    expect([...open]).toEqual([]);
    await discard(target);
  });

  it("is not made for partitions", () => {
    const sink: SinkSpec = { format: "csv", path: "x", mode: "overwrite", partitionBy: ["name"], options: {} };
    expect(EarlyFile.for({ sink } as Target, schema)).toBeNull();
  });
});
