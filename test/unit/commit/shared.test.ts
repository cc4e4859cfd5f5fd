import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { whatIsWrong } from "../../../src/engine/journal/fileCheck.js";
import { assemble, discard, EarlyFile, prepareTarget, type Target } from "../../../src/io/commit/commit.js";
import { type FileSystem, nodeFileSystem } from "../../../src/io/fileSystem.js";
import { openWriter } from "../../../src/io/sink/sinks.js";
import { batchFromRows } from "../../../src/kernels/rows.js";
import type { SinkSpec } from "../../../src/plan/nodes.js";
import { type Schema, types } from "../../../src/schema/types.js";
import type { FileWritten } from "../../../src/task/protocol.js";

const root = mkdtempSync(join(tmpdir(), "shared-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const schema: Schema = [
  { name: "id", type: types.int64, nullable: false },
  { name: "name", type: types.utf8, nullable: true },
];
const formats = ["parquet", "csv", "jsonl"] as const;
type Format = (typeof formats)[number];
let places = 0;

async function targetOf(format: Format): Promise<Target> {
  const sink: SinkSpec = { format, path: join(root, `out${places++}`), mode: "overwrite", partitionBy: [], options: {} };
  return await prepareTarget(sink, "r1");
}

const rowsOf = (partition: number, rows: number, text = "n") =>
  Array.from({ length: rows }, (_, i) => ({ id: BigInt(partition * 1000 + i), name: i % 3 === 0 ? null : `${text}${i}` }));

interface Task {
  readonly target: Target;
  readonly partition: number;
  readonly rows: number;
  readonly early?: EarlyFile;
  readonly attempt?: number;
  readonly text?: string;
  readonly files?: FileSystem;
}

/** A task that has written its rows and not yet ended. */
function begun({ target, partition, rows, early, attempt = 1, text, files }: Task) {
  const directory = join(target.fragments, `p${partition}-a${attempt}`);
  mkdirSync(directory, { recursive: true });
  const file = early?.shared ?? null;
  const shared = file === null ? {} : { shared: { file, partition } };
  const writer = openWriter(target.sink, schema, directory, partition, { ...shared, ...(files === undefined ? {} : { files }) });
  writer.write(batchFromRows(rowsOf(partition, rows, text), schema, "rows"));
  return writer;
}

const fragmentsOf = async (task: Task): Promise<FileWritten[]> => await begun(task).finish();

/** What the file is where every task writes a file of its own. */
async function plain(format: Format, sizes: readonly number[], text?: string): Promise<Buffer> {
  const target = await targetOf(format);
  const fragments: FileWritten[] = [];
  for (const [partition, rows] of sizes.entries())
    fragments.push(...(await fragmentsOf({ target, partition, rows, ...(text === undefined ? {} : { text }) })));
  const bytes = await staged(target, fragments);
  await discard(target);
  return bytes;
}

async function staged(target: Target, fragments: readonly FileWritten[], early?: EarlyFile): Promise<Buffer> {
  const [file] = (await assemble(target, schema, fragments, nodeFileSystem, early ?? null)).files;
  const bytes = readFileSync(file?.staged ?? "");
  expect(file?.bytes).toBe(bytes.length);
  expect(file?.checksum).toBe(crc32(bytes).toString(16).padStart(8, "0"));
  return bytes;
}

function earlyOf(target: Target, partitions: number, files?: FileSystem): EarlyFile {
  const early = EarlyFile.for(target, schema, files);
  if (early === null) throw new Error("this sink has an early file");
  early.begin(partitions);
  return early;
}

const isShared = (fragments: readonly FileWritten[]): boolean[] => fragments.map(({ within }) => within !== undefined);

/** What waits has its turn; and file times are some milliseconds apart at the least. */
const tick = () => new Promise((wake) => setTimeout(wake, 12));

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const uncopied: FileSystem = {
  ...nodeFileSystem,
  copy: () => Promise.reject(new Error("nothing is to be copied")),
};

describe("a file that tasks write into one after the other", () => {
  for (const format of formats) {
    it(`has the bytes of fragments put together, none of which is copied: ${format}`, async () => {
      const sizes = [5, 0, 7, 3];
      const wanted = await plain(format, sizes);
      const target = await targetOf(format);
      const early = earlyOf(target, sizes.length, uncopied);
      const all: FileWritten[] = [];
      for (const [partition, rows] of sizes.entries()) {
        const fragments = await fragmentsOf({ target, partition, rows, early });
        expect(isShared(fragments)).toEqual([true]);
        expect(existsSync(fragments[0]?.path ?? "")).toBe(false);
        early.add(partition, fragments);
        all.push(...fragments);
      }
      expect((await staged(target, all, early)).equals(wanted)).toBe(true);
      await discard(target);
    });

    it(`has what comes before its turn from a file: ${format}`, async () => {
      const sizes = [5, 6, 7, 8];
      const wanted = await plain(format, sizes);
      const target = await targetOf(format);
      const early = earlyOf(target, sizes.length);
      const first = begun({ target, partition: 0, rows: 5, early });
      const second = await fragmentsOf({ target, partition: 1, rows: 6, early });
      const third = begun({ target, partition: 2, rows: 7, early });
      const own = await first.finish();
      early.add(0, own);
      early.add(1, second);
      await tick();
      const late = await third.finish();
      early.add(2, late);
      const last = await fragmentsOf({ target, partition: 3, rows: 8, early });
      early.add(3, last);
      const all = [...own, ...second, ...late, ...last];
      expect(isShared(all)).toEqual([true, false, true, true]);
      expect((await staged(target, all, early)).equals(wanted)).toBe(true);
      await discard(target);
    });

    it(`is the same where one partition has all rows: ${format}`, async () => {
      const target = await targetOf(format);
      const early = earlyOf(target, 3);
      const all: FileWritten[] = [];
      for (const [partition, rows] of [0, 9, 0].entries()) {
        const fragments = await fragmentsOf({ target, partition, rows: partition === 1 ? rows : 0, early });
        early.add(partition, fragments);
        all.push(...fragments);
      }
      const own = await targetOf(format);
      const single = await staged(own, await fragmentsOf({ target: own, partition: 1, rows: 9 }));
      expect((await staged(target, all, early)).equals(single)).toBe(true);
      await discard(target);
      await discard(own);
    });

    it(`is copied by who goes on, and checked: ${format}`, async () => {
      const sizes = [5, 6, 7];
      const wanted = await plain(format, sizes);
      const target = await targetOf(format);
      const before = earlyOf(target, 3);
      const all: FileWritten[] = [];
      for (const partition of [0, 1]) {
        const fragments = await fragmentsOf({ target, partition, rows: sizes[partition] ?? 0, early: before });
        before.add(partition, fragments);
        all.push(...fragments);
      }
      await before.close();
      expect(await whatIsWrong(all)).toBeNull();
      const early = earlyOf(target, 3);
      expect(early.shared?.path).not.toBe(all[0]?.within?.path);
      for (const [partition, fragment] of all.entries()) early.add(partition, [fragment]);
      await tick();
      const last = await fragmentsOf({ target, partition: 2, rows: 7, early });
      expect(isShared(last)).toEqual([true]);
      early.add(2, last);
      expect((await staged(target, [...all, ...last], early)).equals(wanted)).toBe(true);

      const { path = "", start = 0 } = all[1]?.within ?? {};
      const bytes = readFileSync(path);
      bytes[start + 3] = (bytes[start + 3] ?? 0) ^ 1;
      writeFileSync(path, bytes);
      expect(await whatIsWrong(all)).toBe(`output damaged: ${path}`);
      await expect(assemble(target, schema, [...all, ...last])).rejects.toMatchObject({ code: "FRAGMENT_DAMAGED" });
      rmSync(path);
      expect(await whatIsWrong(all)).toBe(`output missing: ${path}`);
      await discard(target);
    });
  }

  it("may be written into by the next attempt where one has failed", async () => {
    const wanted = await plain("csv", [4, 5]);
    const target = await targetOf("csv");
    const early = earlyOf(target, 2);
    // Longer than the one that counts.
    const failed = begun({ target, partition: 0, rows: 50, early });
    failed.abort();
    const first = await fragmentsOf({ target, partition: 0, rows: 4, early, attempt: 2 });
    early.add(0, first);
    const second = await fragmentsOf({ target, partition: 1, rows: 5, early });
    early.add(1, second);
    expect(isShared([...first, ...second])).toEqual([true, true]);
    expect((await staged(target, [...first, ...second], early)).equals(wanted)).toBe(true);
    await discard(target);
  });

  it("is begun anew where an attempt that does not count may be writing into it", async () => {
    const wanted = await plain("parquet", [4, 5, 6]);
    const target = await targetOf("parquet");
    const early = earlyOf(target, 3);
    const first = await fragmentsOf({ target, partition: 0, rows: 4, early });
    early.add(0, first);
    // It takes the turn, and nobody hears of it again.
    await fragmentsOf({ target, partition: 1, rows: 50, early });
    const second = await fragmentsOf({ target, partition: 1, rows: 5, early, attempt: 2 });
    early.add(1, second);
    expect(early.shared).toBeNull();
    const third = await fragmentsOf({ target, partition: 2, rows: 6, early });
    early.add(2, third);
    const all = [...first, ...second, ...third];
    expect(isShared(all)).toEqual([true, false, false]);
    expect((await staged(target, all, early)).equals(wanted)).toBe(true);
    await discard(target);
  });

  for (const format of formats) {
    it(`tells what something else has changed while others write: ${format}`, async () => {
      const sizes = [5, 6, 7, 8];
      const change = async (before: number, touch: (path: string) => void) => {
        const target = await targetOf(format);
        const early = earlyOf(target, sizes.length);
        const all: FileWritten[] = [];
        const path = early.shared?.path ?? "";
        for (const [partition, rows] of sizes.entries()) {
          if (partition === before) {
            await tick();
            touch(path);
          }
          const fragments = await fragmentsOf({ target, partition, rows, early });
          early.add(partition, fragments);
          all.push(...fragments);
        }
        if (before === sizes.length) {
          await tick();
          touch(path);
        }
        return { target, early, all };
      };
      // A byte of a part that counts, which is told when the file is put together from its parts.
      for (const before of [2, 4]) {
        const { target, early, all } = await change(before, (path) => flip(path, 20));
        expect(isShared(all)).toEqual([true, true, before === 4, before === 4]);
        await expect(assemble(target, schema, all, nodeFileSystem, early)).rejects.toMatchObject({ code: "FRAGMENT_DAMAGED" });
        await discard(target);
      }
      // The file's own head, which every file has anew, and a change that changes nothing.
      const wanted = await plain(format, sizes);
      for (const touch of [
        (path: string) => format !== "jsonl" && flip(path, 0),
        (path: string) => utimesSync(path, new Date(), new Date()),
      ]) {
        const { target, early, all } = await change(3, touch);
        expect((await staged(target, all, early)).equals(wanted)).toBe(true);
        await discard(target);
      }
      // Cut off and gone.
      for (const touch of [(path: string) => truncateSync(path, 30), (path: string) => rmSync(path)]) {
        const { target, early, all } = await change(4, touch);
        await expect(assemble(target, schema, all, nodeFileSystem, early)).rejects.toBeInstanceOf(Error);
        await discard(target);
      }
    });
  }

  it("is not written into before what is copied is there", async () => {
    const sizes = [4, 5, 6, 7];
    const wanted = await plain("csv", sizes);
    const target = await targetOf("csv");
    let copying: (() => void) | null = null;
    const slow: FileSystem = {
      ...nodeFileSystem,
      copy: async (...args) => {
        await new Promise<void>((wake) => {
          copying = wake;
        });
        return await nodeFileSystem.copy(...args);
      },
    };
    const early = earlyOf(target, 4, slow);
    const first = begun({ target, partition: 0, rows: 4, early });
    const second = await fragmentsOf({ target, partition: 1, rows: 5, early });
    const own = await first.finish();
    early.add(0, own);
    early.add(1, second);
    await tick();
    const third = await fragmentsOf({ target, partition: 2, rows: 6, early });
    expect(isShared([...own, ...second, ...third])).toEqual([true, false, false]);
    for (let i = 0; i < 2; i++) {
      (copying as (() => void) | null)?.();
      if (i === 0) early.add(2, third);
      await tick();
    }
    const last = await fragmentsOf({ target, partition: 3, rows: 7, early });
    early.add(3, last);
    expect(isShared(last)).toEqual([true]);
    expect((await staged(target, [...own, ...second, ...third, ...last], early)).equals(wanted)).toBe(true);
    await discard(target);
  });

  it("ends where the last partition ends that counts", async () => {
    const wanted = await plain("jsonl", [4, 5]);
    const target = await targetOf("jsonl");
    const early = earlyOf(target, 9);
    const all: FileWritten[] = [];
    for (const partition of [0, 1]) {
      const fragments = await fragmentsOf({ target, partition, rows: 4 + partition, early });
      early.add(partition, fragments);
      all.push(...fragments);
    }
    // A limit is full, and one task more was under way.
    await fragmentsOf({ target, partition: 2, rows: 500, early });
    expect((await staged(target, all, early)).equals(wanted)).toBe(true);
    await discard(target);
  });

  it("does without what does not fit into memory before its turn", async () => {
    const long = "x".repeat(40_000);
    const sizes = [300, 900];
    const wanted = await plain("csv", sizes, long);
    const target = await targetOf("csv");
    const early = earlyOf(target, 2);
    const first = begun({ target, partition: 0, rows: 300, early, text: long });
    const second = await fragmentsOf({ target, partition: 1, rows: 900, early, text: long });
    expect(isShared(second)).toEqual([false]);
    expect(statSync(second[0]?.path ?? "").size).toBe(second[0]?.bytes);
    const own = await first.finish();
    early.add(0, own);
    early.add(1, second);
    expect((await staged(target, [...own, ...second], early)).equals(wanted)).toBe(true);
    await discard(target);
  });

  it("has two outputs of a task beside each other", async () => {
    const [a, b] = [await targetOf("csv"), await targetOf("jsonl")];
    const [earlyA, earlyB] = [earlyOf(a, 2), earlyOf(b, 2)];
    // Partition 1 waits for its turn in both; one of them has room to.
    const [waitsA, waitsB] = [
      begun({ target: a, partition: 1, rows: 3, early: earlyA }),
      begun({ target: b, partition: 1, rows: 3, early: earlyB }),
    ];
    const all = [];
    for (const [target, early, waits] of [
      [a, earlyA, waitsA],
      [b, earlyB, waitsB],
    ] as const) {
      const first = await fragmentsOf({ target, partition: 0, rows: 2, early });
      early.add(0, first);
      const second = await waits.finish();
      early.add(1, second);
      all.push(...second);
      expect((await staged(target, [...first, ...second], early)).equals(await plain(target.sink.format as Format, [2, 3]))).toBe(
        true,
      );
    }
    await discard(a);
    await discard(b);
  });

  it("names the shared file where it cannot be written", async () => {
    const target = await targetOf("csv");
    const early = earlyOf(target, 2);
    const full: FileSystem = {
      ...nodeFileSystem,
      write: () => {
        throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      },
    };
    const failing = begun({ target, partition: 0, rows: 5, early, files: full });
    expect(() => failing.finish()).toThrowError(
      expect.objectContaining({ code: "DISK_FULL", place: expect.objectContaining({ file: early.shared?.path }) }),
    );
    failing.abort();
    await early.close();
    await discard(target);
  });
});
