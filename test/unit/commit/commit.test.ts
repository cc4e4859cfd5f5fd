import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { afterAll, describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { whatIsWrong } from "../../../src/engine/journal/fileCheck.js";
import { assemble, discard, prepareTarget, publish, recover, type Target } from "../../../src/io/commit/commit.js";
import { fileError } from "../../../src/io/fileErrors.js";
import { type FileSystem, nodeFileSystem } from "../../../src/io/fileSystem.js";
import type { WriterOptions } from "../../../src/io/sink/sinkFragment.js";
import { openWriter } from "../../../src/io/sink/sinks.js";
import type { SinkSpec, WriteMode } from "../../../src/plan/nodes.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import type { FileWritten } from "../../../src/task/protocol.js";
import { duckRows } from "../parquet/readers.js";
import { openFilesBelow } from "../../support/openFiles.js";

const root = mkdtempSync(join(tmpdir(), "commit-"));
afterAll(() => rmSync(root, { recursive: true }));
const place = () => mkdtempSync(join(root, "t-"));

const schema: Schema = [
  { name: "id", type: types.int64, nullable: false },
  { name: "k", type: types.utf8, nullable: true },
];
type Row = readonly [bigint, string | null];

const sinkAt = (path: string, mode: WriteMode, partitionBy: string[] = [], format: SinkSpec["format"] = "parquet"): SinkSpec => ({
  format,
  path,
  mode,
  partitionBy,
  options: {},
});

/** Runs tasks of these rows up to the publish. */
async function stage(sink: SinkSpec, runId: string, tasks: readonly (readonly Row[])[], files: FileSystem = nodeFileSystem) {
  const target = await prepareTarget(sink, runId, files);
  return { target, staged: await assemble(target, schema, await fragmentsOf(target, tasks), files) };
}

/** Writes rows of tasks as fragments. */
async function fragmentsOf(
  target: Target,
  tasks: readonly (readonly Row[])[],
  options: WriterOptions = {},
): Promise<FileWritten[]> {
  const { sink } = target;
  const fragments: FileWritten[] = [];
  for (const [i, rows] of tasks.entries()) {
    const writer = openWriter(sink, schema, target.fragments, i, { fsync: false, ...options });
    const columns = schema.map((field, c) => {
      const builder = builderFor(field.type);
      for (const row of rows) builder.append(row[c] as Value);
      return builder.finish();
    });
    await writer.write({ schema, length: rows.length, columns, selection: null, origin: null });
    fragments.push(...(await writer.finish()));
  }
  return fragments;
}

async function commit(sink: SinkSpec, runId: string, tasks: readonly (readonly Row[])[], files: FileSystem = nodeFileSystem) {
  const { target, staged } = await stage(sink, runId, tasks, files);
  return publish(target, staged, { files });
}

const tree = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? tree(join(folder, entry.name)).map((name) => `${entry.name}/${name}`) : [entry.name],
    )
    .sort();
const dataOf = (folder: string) => tree(folder).filter((name) => !name.startsWith(".millrace/"));
const rowsOf = async (glob: string) =>
  (await duckRows(`SELECT id, k FROM read_parquet('${glob}')`)).map((row) => [row.id, row.k]);
const failure = async (run: () => Promise<unknown>) => {
  try {
    await run();
  } catch (thrown) {
    return thrown as { code: string; category: string; message: string };
  }
  throw new Error("nothing was thrown");
};

describe("one file", () => {
  for (const format of ["parquet", "csv", "jsonl", "arrow"] as const) {
    it(`merges the fragments of all tasks in order, ${format}`, async () => {
      const file = join(place(), `out.${format}`);
      const manifest = await commit(sinkAt(file, "error", [], format), "r1", [
        [
          [3n, "c"],
          [1n, "a"],
        ],
        [],
        [[2n, null]],
      ]);
      const expected = [
        ["3", "c"],
        ["1", "a"],
        ["2", null],
      ];
      if (format === "arrow") {
        const table = tableFromIPC(readFileSync(file));
        expect([...table].map((row) => [String(row.id), row.k])).toEqual(expected);
      } else {
        const read = format === "parquet" ? "read_parquet" : format === "csv" ? "read_csv" : "read_json";
        const rows = await duckRows(`SELECT id::VARCHAR AS id, k FROM ${read}('${file}')`);
        expect(rows.map((row) => [row.id, row.k])).toEqual(expected);
      }
      expect(manifest).toMatchObject({ rows: 3, runId: "r1", mode: "error", files: [{ path: `out.${format}`, rows: 3 }] });
      expect(manifest.bytes).toBe(readFileSync(file).length);
      expect(tree(join(file, ".."))).toEqual([`.millrace/out.${format}.manifest.json`, `out.${format}`]);
    });

    it(`is valid without rows, ${format}`, async () => {
      const file = join(place(), `out.${format}`);
      await commit(sinkAt(file, "error", [], format), "r1", [[], []]);
      if (format === "parquet") expect(await rowsOf(file)).toEqual([]);
      if (format === "csv") expect(readFileSync(file, "utf8")).toBe("id,k\n");
      if (format === "jsonl") expect(readFileSync(file, "utf8")).toBe("");
      if (format === "arrow")
        expect(tableFromIPC(readFileSync(file)).schema.fields.map((field) => field.name)).toEqual(["id", "k"]);
    });
  }

  it("is the same bytes from the same fragments", async () => {
    const tasks: Row[][] = [
      [[1n, "a"]],
      [
        [2n, "b"],
        [3n, null],
      ],
    ];
    const one = join(place(), "o.parquet");
    const two = join(place(), "o.parquet");
    await commit(sinkAt(one, "error"), "r1", tasks);
    await commit(sinkAt(two, "error"), "r2", tasks);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
  });

  it("is replaced in one step by overwrite, and protected by error", async () => {
    const file = join(place(), "o.parquet");
    await commit(sinkAt(file, "error"), "r1", [[[1n, "a"]]]);
    expect(await failure(() => prepareTarget(sinkAt(file, "error"), "r2"))).toMatchObject({
      code: "TARGET_EXISTS",
      category: "Config",
    });
    await commit(sinkAt(file, "overwrite"), "r2", [[[2n, "b"]]]);
    expect(await rowsOf(file)).toEqual([["2", "b"]]);
  });
});

describe("folders", () => {
  it("appear whole, with a manifest", async () => {
    const out = join(place(), "deep", "er", "out");
    const { target, staged } = await stage(sinkAt(out, "error", ["k"]), "r1", [
      [
        [1n, "a"],
        [2n, null],
      ],
      [[3n, "a"]],
    ]);
    expect(existsSync(out)).toBe(false);
    await publish(target, staged, { planFingerprint: "f" });
    expect(dataOf(out)).toEqual(["k=__HIVE_DEFAULT_PARTITION__/part-00000.parquet", "k=a/part-00000.parquet"]);
    const manifest = JSON.parse(readFileSync(join(out, ".millrace/manifest.json"), "utf8"));
    expect(manifest).toMatchObject({ planFingerprint: "f", rows: 3, partitionBy: ["k"] });
    expect(manifest.files.map((file: { partitionValues: unknown }) => file.partitionValues)).toEqual([[null], ["a"]]);
    expect(tree(join(out, ".."))).toEqual(tree(out).map((name) => `out/${name}`));
    expect(await rowsOf(`${out}/*/*.parquet`)).toEqual([
      ["2", null],
      ["1", "a"],
      ["3", "a"],
    ]);
  });

  it("take any text as partition value", async () => {
    const out = join(place(), "out");
    const values = ["a/b", "x=y", "two words", "é😀", "", ".", "..", "%41", "'quoted\"", "a\nb", "*?[", null];
    await commit(sinkAt(out, "error", ["k"]), "r1", [values.map((k, i) => [BigInt(i), k])]);
    const read = await duckRows(
      `SELECT id, k FROM read_parquet('${out}/*/*.parquet', hive_types_autocast=false) ORDER BY id::INT`,
    );
    expect(read.map((row) => row.k)).toEqual(values);
  });

  it("keep what other runs wrote: append", async () => {
    const out = join(place(), "out");
    await commit(sinkAt(out, "append"), "r1", [[[1n, "a"]]]);
    const manifest = await commit(sinkAt(out, "append"), "r2", [[[2n, "b"]]]);
    expect(dataOf(out)).toEqual(["part-r1.parquet", "part-r2.parquet"]);
    expect(manifest.files.map((file) => [file.path, file.runId])).toEqual([
      ["part-r1.parquet", "r1"],
      ["part-r2.parquet", "r2"],
    ]);
  });

  it("lose stale data but not foreign files: overwrite", async () => {
    const out = join(place(), "out");
    await commit(sinkAt(out, "error", ["k"]), "r1", [
      [
        [1n, "a"],
        [2n, "b"],
      ],
    ]);
    writeFileSync(join(out, "README.txt"), "mine");
    writeFileSync(join(out, "k=a", "old.parquet"), "old");
    await commit(sinkAt(out, "overwrite", ["k"]), "r2", [
      [
        [3n, "a"],
        [4n, "c"],
      ],
    ]);
    expect(dataOf(out)).toEqual(["README.txt", "k=a/part-00000.parquet", "k=c/part-00000.parquet"]);
    expect(await rowsOf(`${out}/*/*.parquet`)).toEqual([
      ["3", "a"],
      ["4", "c"],
    ]);
  });

  it("change touched partitions only: overwrite-partitions", async () => {
    const out = join(place(), "out");
    await commit(sinkAt(out, "overwrite-partitions", ["k"]), "r1", [
      [
        [1n, "a"],
        [2n, "b"],
      ],
    ]);
    writeFileSync(join(out, "k=a", "stale.parquet"), "old");
    const manifest = await commit(sinkAt(out, "overwrite-partitions", ["k"]), "r2", [[[3n, "a"]]]);
    expect(dataOf(out)).toEqual(["k=a/part-00000.parquet", "k=b/part-00000.parquet"]);
    expect(await rowsOf(`${out}/*/*.parquet`)).toEqual([
      ["3", "a"],
      ["2", "b"],
    ]);
    expect(manifest.files.map((file) => file.runId)).toEqual(["r2", "r1"]);
  });

  it("show nothing of a run at work, not even to a glob into hidden folders", async () => {
    const out = join(place(), "out");
    await commit(sinkAt(out, "error", ["k"]), "r1", [[[1n, "a"]]]);
    const { target } = await stage(sinkAt(out, "overwrite", ["k"]), "r2", [[[2n, "a"]], [[3n, "a"]]]);
    expect(await rowsOf(`${out}/**/*.parquet`)).toEqual([["1", "a"]]);
    await discard(target);
  });

  it("are checked before any work", async () => {
    const base = place();
    writeFileSync(join(base, "file"), "x");
    mkdirSync(join(base, "dir.parquet"));
    mkdirSync(join(base, "full"));
    writeFileSync(join(base, "full", "x.txt"), "x");
    const code = async (sink: SinkSpec) => (await failure(() => prepareTarget(sink, "r1"))).code;
    expect(await code(sinkAt(join(base, "file"), "overwrite"))).toBe("TARGET_IS_FILE");
    expect(await code(sinkAt(join(base, "dir.parquet"), "overwrite"))).toBe("TARGET_IS_FOLDER");
    expect(await code(sinkAt(join(base, "file", "below"), "overwrite"))).toBe("TARGET_NOT_WRITABLE");
    expect(await code(sinkAt(join(base, "full"), "error"))).toBe("TARGET_EXISTS");
    expect(await code(sinkAt(join(base, "x.parquet"), "append"))).toBe("INVALID_MODE");
    expect(await code(sinkAt(join(base, "x"), "overwrite-partitions"))).toBe("INVALID_MODE");
  });

  it("are left as they were by a run that fails", async () => {
    const base = place();
    const { target } = await stage(sinkAt(join(base, "a", "out"), "error"), "r1", [[[1n, "a"]]]);
    await discard(target);
    expect(readdirSync(base)).toEqual([]);
    const out = join(base, "out");
    await commit(sinkAt(out, "error"), "r1", [[[1n, "a"]]]);
    const before = tree(out);
    await discard((await stage(sinkAt(out, "overwrite"), "r2", [[[2n, "b"]]])).target);
    expect(tree(base)).toEqual(before.map((name) => `out/${name}`));
  });

  it("belong to one run at a time", async () => {
    const out = join(place(), "out");
    const { target } = await stage(sinkAt(out, "error"), "r1", [[[1n, "a"]]]);
    expect(await failure(() => prepareTarget(sinkAt(out, "error"), "r2"))).toMatchObject({ code: "TARGET_BUSY" });
    await discard(target);
    await discard(await prepareTarget(sinkAt(out, "error"), "r2"));
  });

  it("are free again for the next run where neither they nor their staging can be looked at", async () => {
    const out = join(place(), "out");
    let broken = false;
    const stat: FileSystem["stat"] = (file) => {
      if (!broken) return nodeFileSystem.stat(file);
      throw fileError(Object.assign(new Error("EIO: i/o error, stat"), { code: "EIO" }), "look at", file);
    };
    const makeFolder = (folder: string): void => {
      nodeFileSystem.makeFolder(folder);
      broken = true;
    };
    const thrown = await failure(() => prepareTarget(sinkAt(out, "error"), "r1", { ...nodeFileSystem, stat, makeFolder }));
    expect(thrown).toMatchObject({ code: "FILE_IO", message: expect.stringContaining("EIO") });
    expect(openFilesBelow(out)).toEqual([]);
    await commit(sinkAt(out, "error"), "r2", [[[1n, "a"]]]);
    expect(tree(join(out, ".."))).toEqual(["out/.millrace/manifest.json", "out/part-00000.parquet"]);
  });

  it("are left to the next run by one that cannot remove what it staged", async () => {
    const out = join(place(), "out");
    const removeTree = (folder: string): void => {
      throw fileError(Object.assign(new Error("EIO: i/o error, rm"), { code: "EIO" }), "remove", folder);
    };
    await discard(await prepareTarget(sinkAt(out, "error"), "r1"), { ...nodeFileSystem, removeTree });
    await commit(sinkAt(out, "error"), "r2", [[[1n, "a"]]]);
    expect(tree(join(out, ".."))).toEqual(["out/.millrace/manifest.json", "out/part-00000.parquet"]);
  });

  it("belong to none of two runs that come to them at the very same time, rather than to both", async () => {
    const out = join(place(), "out");
    const first = { runId: "r1", target: "out", pid: process.ppid, started: null, runFolder: null };
    // The other run makes its staging after this one has looked for others, and before it has one itself.
    const makeFolder = (folder: string): void => {
      const other = join(out, "../.millrace/r1-out");
      mkdirSync(other, { recursive: true });
      writeFileSync(join(other, "owner.json"), JSON.stringify(first));
      nodeFileSystem.makeFolder(folder);
    };
    const files: FileSystem = { ...nodeFileSystem, makeFolder };
    expect(await failure(() => prepareTarget(sinkAt(out, "append"), "r2", files))).toMatchObject({ code: "TARGET_BUSY" });
    expect(readdirSync(join(out, "../.millrace"))).toEqual(["r1-out"]);
  });
});

/** A file system that fails for good from the n-th changing call on. */
function failingAfter(calls: number): FileSystem {
  let left = calls;
  const changing = new Set([
    "open",
    "write",
    "fsync",
    "rename",
    "link",
    "removeFile",
    "removeTree",
    "removeEmpty",
    "makeFolder",
    "syncFolder",
    "syncFolders",
    "startSync",
  ]);
  return new Proxy(nodeFileSystem, {
    get(target, name: keyof FileSystem) {
      if (!changing.has(name)) return target[name];
      return (...args: never[]) => {
        if (left-- <= 0) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
        return (target[name] as (...args: never[]) => unknown)(...args);
      };
    },
  });
}

it("keeps few files open however many there are", async () => {
  const base = place();
  const out = join(base, "out");
  const open = new Set<number>();
  let most = 0;
  const files: FileSystem = {
    ...nodeFileSystem,
    open(file, how) {
      const fd = nodeFileSystem.open(file, how);
      open.add(fd);
      most = Math.max(most, open.size);
      return fd;
    },
    close(fd) {
      open.delete(fd);
      nodeFileSystem.close(fd);
    },
  };
  const rows = Array.from({ length: 300 }, (_, i): Row => [BigInt(i), `k${i % 150}`]);
  const { target, staged } = await stage(sinkAt(out, "error", ["k"]), "r1", [rows, rows]);
  const again = await assemble(target, schema, await fragmentsOf(target, [rows, rows]), files);
  expect(again.files.map(({ path, checksum }) => [path, checksum])).toEqual(
    staged.files.map(({ path, checksum }) => [path, checksum]),
  );
  expect(again.files).toHaveLength(150);
  await publish(target, again, { files });
  expect(open.size).toBe(0);
  expect(most).toBeLessThanOrEqual(24);
});

describe("small fragments of a task in one file", () => {
  const tasks = [0, 1, 2].map((task) =>
    Array.from(
      { length: 500 },
      (_, i): Row => [BigInt(task * 500 + i), i % 11 === 0 ? null : i % 3 === 0 ? "often" : `k${i % 13}`],
    ),
  );
  const staged = async (format: SinkSpec["format"], options: WriterOptions) => {
    const target = await prepareTarget(sinkAt(join(place(), "out"), "error", ["k"], format), "r1");
    const fragments = await fragmentsOf(target, tasks, options);
    return { target, fragments, assembled: await assemble(target, schema, fragments) };
  };
  const bytesOf = ({ assembled }: Awaited<ReturnType<typeof staged>>) =>
    assembled.files.map(({ staged: file, path, ...rest }) => ({ ...rest, path, content: readFileSync(file, "base64") }));

  for (const format of ["parquet", "csv", "jsonl", "arrow"] as const) {
    it(`come to the same files, ${format}`, async () => {
      const apart = await staged(format, {});
      const packed = await staged(format, { packed: true });
      expect(bytesOf(packed)).toEqual(bytesOf(apart));
      expect(bytesOf(packed).length).toBe(15);
      const names = readdirSync(packed.target.fragments);
      if (format !== "arrow") expect(names).toEqual(tasks.map((_, task) => `00000${task}-pack.part`));
      expect(await whatIsWrong(packed.fragments)).toBe(null);
    });
  }

  it("come to the same files where there are more partitions than may be open", async () => {
    const crowded = { openFiles: 4, waitingBytes: 3000 };
    const apart = await staged("parquet", crowded);
    const packed = await staged("parquet", { ...crowded, packed: true });
    expect(bytesOf(packed)).toEqual(bytesOf(apart));
    expect(packed.fragments.length).toBeGreaterThan(60);
    expect(readdirSync(packed.target.fragments).length).toBe(3);
    const expected = tasks
      .flat()
      .filter(([, k]) => k === "k5")
      .map(([id]) => String(id));
    const file = packed.assembled.files.find(({ partitionValues }) => partitionValues[0] === "k5")?.staged;
    expect((await duckRows(`SELECT id FROM read_parquet('${file}')`)).map(({ id }) => id)).toEqual(expected);
  });

  it("do not take those that were begun before, nor large ones", async () => {
    // Each window of rows is written at once, as where memory is short.
    const short = { waitingBytes: 1500, bufferBytes: 1 };
    const apart = await staged("parquet", short);
    const packed = await staged("parquet", { ...short, packed: true });
    expect(bytesOf(packed)).toEqual(bytesOf(apart));
    const own = packed.fragments.filter(({ within }) => within === undefined);
    expect(own.length).toBeGreaterThan(0);
    expect(own.every(({ path }) => existsSync(path))).toBe(true);
  });

  it("are told from damaged ones", async () => {
    const { target, fragments } = await staged("parquet", { packed: true });
    const pack = fragments[0]?.within?.path ?? "";
    const bytes = readFileSync(pack);
    bytes[100] = (bytes[100] as number) ^ 1;
    writeFileSync(pack, bytes);
    expect(await whatIsWrong(fragments)).toBe(`output damaged: ${pack}`);
    const thrown = await failure(() => assemble(target, schema, fragments));
    expect(thrown.message).toContain(pack);
    rmSync(pack);
    expect(await whatIsWrong(fragments)).toBe(`output missing: ${pack}`);
  });

  it("are gone with a task that fails", async () => {
    const target = await prepareTarget(sinkAt(join(place(), "out"), "error", ["k"]), "r1");
    const writer = openWriter(target.sink, schema, target.fragments, 0, { packed: true, openFiles: 2, waitingBytes: 1 });
    const rows = tasks[0] as Row[];
    const columns = schema.map((field, c) => {
      const builder = builderFor(field.type);
      for (const row of rows) builder.append(row[c] as Value);
      return builder.finish();
    });
    await writer.write({ schema, length: rows.length, columns, selection: null, origin: null });
    expect(readdirSync(target.fragments)).toEqual(["000000-pack.part"]);
    await writer.abort();
    expect(readdirSync(target.fragments)).toEqual([]);
  });
});

describe("a crash at any point of the publish", () => {
  for (const mode of ["overwrite", "overwrite-partitions"] as const) {
    it(`leaves the old state, or is carried to the new one: ${mode}`, async () => {
      let finished = false;
      let completed = 0;
      for (let calls = 0; !finished; calls++) {
        const out = join(place(), "out");
        await commit(sinkAt(out, "error", ["k"]), "r1", [
          [
            [1n, "a"],
            [2n, "b"],
          ],
        ]);
        writeFileSync(join(out, "k=a", "stale.parquet"), "old");
        const { target, staged } = await stage(sinkAt(out, mode, ["k"]), "r2", [
          [
            [3n, "a"],
            [4n, "c"],
          ],
        ]);
        try {
          await publish(target, staged, { files: failingAfter(calls) });
          finished = true;
        } catch (thrown) {
          expect((thrown as Error).message).toContain("no space left");
        }
        const recovery = await recover(out);
        await recover(out);
        const files = dataOf(out);
        const oldState = ["k=a/part-00000.parquet", "k=a/stale.parquet", "k=b/part-00000.parquet"];
        const newState = mode === "overwrite" ? ["k=a", "k=c"] : ["k=a", "k=b", "k=c"];
        if (finished || recovery.completed.length > 0) {
          completed++;
          expect(files).toEqual(newState.map((name) => `${name}/part-00000.parquet`));
        } else if (files.length !== newState.length || files.includes("k=a/stale.parquet")) expect(files).toEqual(oldState);
        expect(tree(out).filter((name) => name.startsWith(".millrace/"))).toEqual([".millrace/manifest.json"]);
      }
      expect(completed).toBeGreaterThan(3);
    });
  }

  it("leaves no folder, or the whole one", async () => {
    let finished = false;
    for (let calls = 0; !finished; calls++) {
      const base = place();
      const out = join(base, "out");
      const { target, staged } = await stage(sinkAt(out, "error", ["k"]), "r1", [
        [
          [3n, "a"],
          [4n, "c"],
        ],
      ]);
      try {
        await publish(target, staged, { files: failingAfter(calls) });
        finished = true;
      } catch {
        // What is left is looked at below.
      }
      await recover(out);
      if (!existsSync(out)) expect(readdirSync(base)).toEqual([]);
      else expect(tree(out)).toEqual([".millrace/manifest.json", "k=a/part-00000.parquet", "k=c/part-00000.parquet"]);
    }
  });

  it("is not undone by discarding the run", async () => {
    const out = join(place(), "out");
    await commit(sinkAt(out, "error", ["k"]), "r1", [[[1n, "a"]]]);
    const { target, staged } = await stage(sinkAt(out, "overwrite", ["k"]), "r2", [
      [
        [3n, "a"],
        [4n, "c"],
      ],
    ]);
    let renames = 0;
    const files: FileSystem = {
      ...nodeFileSystem,
      rename(from, to) {
        if (to.endsWith(".parquet") && renames++ === 1) throw new Error("power cut");
        nodeFileSystem.rename(from, to);
      },
    };
    expect((await failure(() => publish(target, staged, { files }))).message).toBe("power cut");
    await discard(target);
    expect(await recover(out)).toEqual({ completed: ["r2"], removed: [] });
    expect(await rowsOf(`${out}/*/*.parquet`)).toEqual([
      ["3", "a"],
      ["4", "c"],
    ]);
  });

  it("is typed by its cause", async () => {
    const raise = (code: string) => () => {
      throw Object.assign(new Error(code), { code });
    };
    const target = await prepareTarget(sinkAt(join(place(), "out"), "error"), "r1");
    const full = { ...nodeFileSystem, write: raise("ENOSPC") };
    expect(await failure(() => assemble(target, schema, [], full))).toMatchObject({ code: "DISK_FULL", category: "Resource" });
    await discard(target);
    expect(fileError(Object.assign(new Error(), { code: "EMFILE" }), "open", "f")).toMatchObject({ code: "TOO_MANY_FILES" });
    expect(fileError(Object.assign(new Error(), { code: "EROFS" }), "open", "f")).toMatchObject({ code: "TARGET_NOT_WRITABLE" });
    expect(fileError(new Error("?"), "open", "f")).toMatchObject({ code: "FILE_IO", category: "External" });
  });

  it("lets a run that goes on find its fragments again", async () => {
    const out = join(place(), "out");
    const { target } = await stage(sinkAt(out, "error"), "r1", [[[1n, "a"]]]);
    const again = await prepareTarget(sinkAt(out, "error"), "r1");
    expect(again.staging).toBe(target.staging);
    expect(readdirSync(again.fragments)).toEqual(["000000-0.parquet.part"]);
    await discard(again);
  });
});

describe("a flush that the disk refuses", () => {
  const refused = (syscall: string) => Object.assign(new Error(`EIO: i/o error, ${syscall}`), { code: "EIO", syscall });

  it("of a file that is a task's own: what the task wrote is taken away, so that nobody takes it for written", async () => {
    const out = join(place(), "out");
    const target = await prepareTarget(sinkAt(out, "error", ["k"]), "r1");
    const fragments = await fragmentsOf(target, [[[1n, "a"]], [[2n, "b"]]]);
    let calls = 0;
    const startSync: FileSystem["startSync"] = async (fd) => {
      if (++calls === 1) throw refused("fdatasync");
      await nodeFileSystem.startSync(fd);
    };
    const thrown = await failure(() => assemble(target, schema, fragments, { ...nodeFileSystem, startSync }));
    expect(thrown).toMatchObject({ code: "FILE_IO", message: expect.stringContaining("EIO: i/o error, fdatasync") });
    expect(fragments.map(({ path }) => existsSync(path))).toEqual([false, true]);
    await discard(target);
  });

  it("of a file that is put together: the next attempt makes it anew", async () => {
    const out = join(place(), "out.parquet");
    const target = await prepareTarget(sinkAt(out, "error"), "r1");
    const fragments = await fragmentsOf(target, [[[1n, "a"]], [[2n, "b"]]]);
    const startSync = async (): Promise<void> => {
      throw refused("fdatasync");
    };
    await failure(() => assemble(target, schema, fragments, { ...nodeFileSystem, startSync }));
    expect(readdirSync(join(target.staging, "files"))).toEqual([]);
    await publish(target, await assemble(target, schema, fragments));
    expect(await rowsOf(out)).toEqual([
      ["1", "a"],
      ["2", "b"],
    ]);
  });

  it("of a folder while publishing is not asked for again by the same run", async () => {
    const out = join(place(), "out");
    const { target, staged } = await stage(sinkAt(out, "error", ["k"]), "r1", [[[1n, "a"]]]);
    let calls = 0;
    const syncFolders: FileSystem["syncFolders"] = async (folders) => {
      if (!readdirSync(target.staging).includes("intent.json")) return;
      calls++;
      throw fileError(refused("fsync"), "sync", [...folders][0] ?? "");
    };
    const thrown = await failure(() => publish(target, staged, { files: { ...nodeFileSystem, syncFolders } }));
    expect(thrown).toMatchObject({ code: "PUBLISH_INTERRUPTED", message: expect.stringContaining("EIO: i/o error, fsync") });
    expect(calls).toBe(1);
    await recover(out);
    expect(dataOf(out)).toEqual(["k=a/part-00000.parquet"]);
  });
});
