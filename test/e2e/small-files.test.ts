import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { count, Engine, openRejects, read, type Reject, sum, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failureOf } from "../support/failure.js";

/** Files that are small are read by one task, one after the other: nothing of what is known of each may get lost by that. */

let root = "";
let together: Engine;
/** Partitions so small that each file is one. */
let apart: Engine;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "millrace-small-"));
  const options = { workers: 2, memory: "512MB" } as const;
  together = await Engine.create({ ...options, stateDir: join(root, "together") });
  apart = await Engine.create({ ...options, stateDir: join(root, "apart"), partitionBytes: 4096 });
});

afterAll(async () => {
  await together.close();
  await apart.close();
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, content: string | Uint8Array): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

const schema = { id: "int64", name: "utf8", n: "int32" } as const;
const files = 40;

interface Line {
  readonly id: number;
  readonly n: number;
  readonly day: string;
  readonly bad: boolean;
  readonly file: string;
  readonly line: number;
  readonly byte: number;
  readonly raw: string;
}

const dayOf = (file: number): string => `2026-01-${String(1 + (file % 3)).padStart(2, "0")}`;

/** What is in each file, in the order in which files are read. Columns stand in another order in some, lines end with CRLF, and some are empty. */
function makeCsv(folder: string): Line[] {
  const made = Array.from({ length: files }, (_, file) => {
    const zipped = file % 11 === 5;
    const path = join(root, folder, `day=${dayOf(file)}`, `f${String(file).padStart(3, "0")}.csv${zipped ? ".gz" : ""}`);
    const end = file % 4 === 1 ? "\r\n" : "\n";
    const mark = file % 7 === 3 ? "\ufeff" : "";
    const swapped = file % 5 === 2;
    let text = `${mark}${swapped ? "n,id,name" : "id,name,n"}${end}`;
    const lines: Line[] = [];
    const rows = file % 9 === 4 ? 0 : 1 + (file % 6);
    for (let row = 0; row < rows; row++) {
      const [id, n] = [file * 100 + row, file + row];
      const bad = (file + row) % 8 === 7;
      const shown = bad ? "x" : String(n);
      const raw = swapped ? `${shown},${id},a` : `${id},a,${shown}`;
      const byte = Buffer.byteLength(text);
      lines.push({ id, n, day: dayOf(file), bad, file: path, line: row + 2, byte, raw });
      text += raw + end;
    }
    put(join(folder, `day=${dayOf(file)}`, path.slice(dirname(path).length + 1)), zipped ? gzipSync(text) : text);
    return { path, lines };
  });
  return made.sort((a, b) => (a.path < b.path ? -1 : 1)).flatMap(({ lines }) => lines);
}

const placeOf = ({ file, line, byte, raw }: Reject) => [file, line, byte, Buffer.from(raw ?? []).toString()];

async function rejectsOf(stateDir: string, runId: string): Promise<Reject[]> {
  const found: Reject[] = [];
  for await (const reject of openRejects({ stateDir, runId })) found.push(reject);
  return found;
}

describe("many small files", () => {
  it("are read with their folders, columns and rejects as one by one", async () => {
    const lines = makeCsv("in");
    const good = lines.filter(({ bad }) => !bad);
    const bad = lines.filter((line) => line.bad);
    const source = read.csv(join(root, "in"), { schema: { ...schema, day: "utf8" }, onReject: "quarantine" });
    const texts: Buffer[] = [];
    for (const [name, engine] of [
      ["together", together],
      ["apart", apart],
    ] as const) {
      const out = join(root, `out-${name}`);
      const run = engine.run(source.write.csv(out));
      let partitions = 0;
      for await (const event of run) if (event.kind === "stage-started") partitions = event.partitions;
      const result = await run.result;
      if (name === "apart") expect(partitions).toBe(files);
      else expect(partitions).toBeLessThan(files / 4);
      texts.push(readFileSync(join(out, "part-00000.csv")));
      expect(result.rejects.count).toBe(bad.length);
      const byFile: Record<string, number> = {};
      for (const { file } of bad) byFile[file] = (byFile[file] ?? 0) + 1;
      expect(result.rejects.byFile).toEqual(byFile);
      const rejects = await rejectsOf(join(root, name), result.runId);
      expect(rejects.map(placeOf)).toEqual(bad.map(({ file, line, byte, raw }) => [file, line, byte, raw]));
      // A file of rejects for every file that has some: its own head, then the records.
      const raws = new Map(result.rejects.rawFiles.map(({ file, path }) => [file, readFileSync(path, "utf8")]));
      expect([...raws.keys()].sort()).toEqual(Object.keys(byFile).sort());
      for (const [file, text] of raws) {
        const own = bad.filter((line) => line.file === file).map(({ raw }) => raw);
        const [head = "", ...records] = text
          .replace(/^\ufeff/, "")
          .trimEnd()
          .split(/\r?\n/);
        expect(head).toMatch(/^(id,name,n|n,id,name)$/);
        expect(records).toEqual(own);
      }
    }
    const rows = good.map(({ id, n, day }) => `${id},a,${n},${day}`);
    expect(texts[0]?.toString()).toBe(`id,name,n,day\n${rows.join("\n")}\n`);
    expect(texts[1]?.equals(texts[0] as Buffer)).toBe(true);
  });

  it("of JSON lines, too", async () => {
    const paths = Array.from({ length: files }, (_, file) => {
      const lines = Array.from({ length: file % 4 }, (_, row) => JSON.stringify({ id: file * 10 + row, name: "b", n: row }));
      return put(
        `json/${String(file).padStart(3, "0")}.jsonl`,
        [...lines, ...(file % 10 === 3 ? ["{broken"] : []), ""].join("\n"),
      );
    });
    const source = read.jsonl(join(root, "json/*.jsonl"), { schema, onReject: "quarantine" });
    const plan = source.groupBy("n").agg((c) => ({ rows: count(), ids: sum(c.id) }));
    const expected = [0, 1, 2].map((n) => {
      const ids = Array.from({ length: files }, (_, file) => file).filter((file) => file % 4 > n);
      return { n, rows: BigInt(ids.length), ids: BigInt(ids.reduce((all, file) => all + file * 10 + n, 0)) };
    });
    const table = await together.collect(plan);
    const rows = table.toArray().map((row) => ({ n: row.n, rows: BigInt(row.rows), ids: BigInt(row.ids) }));
    expect(rows.sort((a, b) => a.n - b.n)).toEqual(expected);
    const result = await together.run(source.write.jsonl(join(root, "json-out"))).result;
    const rejects = await rejectsOf(join(root, "together"), result.runId);
    expect(rejects.map(placeOf)).toEqual(
      paths.flatMap((path, file) => (file % 10 === 3 ? [[path, 1 + (file % 4), expect.any(Number), "{broken"]] : [])),
    );
  });

  for (const format of ["parquet", "arrow"] as const) {
    it(`number their rows each: ${format}`, { timeout: 60_000 }, async () => {
      const types = { id: "int64", name: "utf8" } as const;
      const paths: string[] = [];
      for (let file = 0; file < 12; file++) {
        const rows = Array.from({ length: file % 5 }, (_, row) => ({
          id: BigInt(file * 10 + row),
          name: row === 2 && file % 2 === 0 ? "throw" : "a",
        }));
        const path = join(root, format, `day=${dayOf(file)}`, `f${10 + file}.${format}`);
        mkdirSync(dirname(path), { recursive: true });
        await together.run(read.rows(rows, { schema: types }).write[format](path)).result;
        paths.push(path);
      }
      const strict = udf(
        (name: string) => {
          if (name === "throw") throw new Error("told to");
          return 1;
        },
        { returns: "int32" },
      );
      const inOrder = paths.map((path, file) => ({ path, file })).sort((a, b) => (a.path < b.path ? -1 : 1));
      const all = inOrder.flatMap(({ path, file }) =>
        Array.from({ length: file % 5 }, (_, row) => ({ path, file, row, bad: row === 2 && file % 2 === 0 })),
      );
      for (const [state, engine] of [
        ["together", together],
        ["apart", apart],
      ] as const) {
        const source = read[format](join(root, format), { schema: { ...types, day: "utf8" }, onReject: "quarantine" });
        const out = join(root, `${format}-${state}`);
        const run = engine.run(source.withColumns((c) => ({ m: strict(c.name) })).write.csv(out));
        let partitions = 0;
        for await (const event of run) if (event.kind === "stage-started") partitions = event.partitions;
        if (state === "together") expect(partitions).toBeLessThan(6);
        const result = await run.result;
        const rejects = await rejectsOf(join(root, state), result.runId);
        expect(rejects.map(({ file, row }) => [file, row])).toEqual(
          all.filter(({ bad }) => bad).map(({ path, row }) => [path, row]),
        );
        const rows = all.filter(({ bad }) => !bad).map(({ file, row }) => `${file * 10 + row},a,${dayOf(file)},1`);
        expect(readFileSync(join(out, "part-00000.csv"), "utf8")).toBe(`id,name,day,m\n${rows.join("\n")}\n`);
      }
    });
  }

  it("have limits of rejects each", async () => {
    for (let file = 0; file < 12; file++) put(`limit/f${10 + file}.csv`, `id,name,n\n1,a,x\n2,a,${file === 7 ? "x" : "1"}\n`);
    const source = (perFile: number) =>
      read.csv(join(root, "limit"), { schema, onReject: "skip", rejectLimits: { perFile } }).write.csv(join(root, "limit-out"));
    const error = await failureOf(() => together.run(source(1)).result);
    expect(error).toMatchObject({ code: "REJECT_LIMIT_EXCEEDED", place: { file: join(root, "limit/f17.csv") } });
    expect((await together.run(source(2)).result).rejects.count).toBe(13);
  });

  it("name the file in which something is wrong", async () => {
    for (let file = 0; file < 12; file++)
      put(`wrong/f${10 + file}.csv`, `id,name,n\n1,${file === 8 ? "throw" : "a"},1\n2,a,${file === 9 ? "x" : "1"}\n`);
    const strict = udf(
      (name: string) => {
        if (name === "throw") throw new Error("told to");
        return 1;
      },
      { returns: "int32" },
    );
    const base = read.csv(join(root, "wrong"), { schema });
    const error = await failureOf(() => together.run(base.write.csv(join(root, "wrong-out"))).result);
    expect(error).toMatchObject({ code: "CAST_FAILED", place: { file: join(root, "wrong/f19.csv"), line: 3 } });
    const called = base.withColumns((c) => ({ m: strict(c.name) }));
    const thrown = await failureOf(() => together.run(called.write.csv(join(root, "wrong-out"))).result);
    expect(thrown).toMatchObject({ code: "UDF_THREW", place: { file: join(root, "wrong/f18.csv"), line: 2 } });
  });

  it("are read again where one of them changed, when a run is gone on with", () => {
    const put12 = (file: number, text: string) => put(`again/f${10 + file}.csv`, `id,name,n\n${text}\n`);
    // Two tasks: files 0 to 7, and the others.
    for (let file = 0; file < 12; file++) put12(file, `${file},a,1`);
    const state = join(root, "again-state");
    const index = pathToFileURL(resolve(import.meta.dirname, "../../dist/run/index.js")).href;
    const job = put(
      "again.mjs",
      `import { Engine, read } from ${JSON.stringify(index)};
      const engine = await Engine.create({ workers: 1, stateDir: ${JSON.stringify(state)} });
      const run = engine.run(read.csv(${JSON.stringify(join(root, "again"))}, { schema: ${JSON.stringify(schema)} })
        .withColumns((c) => ({ n: c.n.add(1) })).write.csv(${JSON.stringify(join(root, "again-out"))}, { mode: "overwrite" }), { resume: process.argv[2] ?? false });
      for await (const event of run) if (/^task-re/.test(event.kind)) console.log(event.reason ?? "counts: " + event.partition);
      await run.result;
      await engine.close();`,
    );
    const start = (args: readonly string[], killAt?: string) =>
      spawnSync(process.execPath, [job, ...args], {
        env: { ...process.env, ...(killAt === undefined ? {} : { MILLRACE_KILL_AT: killAt }) },
        encoding: "utf8",
      });
    const goOn = (change: () => void): string => {
      expect(start([], "staged:1").signal).toBe("SIGKILL");
      change();
      const { status, stdout, stderr } = start([readdirSync(join(state, "runs")).sort().at(-1) ?? ""]);
      expect(status, stderr).toBe(0);
      return stdout.trim();
    };
    const idsOf = () =>
      readFileSync(join(root, "again-out/part-00000.csv"), "utf8")
        .trimEnd()
        .split("\n")
        .slice(1)
        .map((line) => Number(line.split(",")[0]));
    expect(goOn(() => undefined)).toBe("counts: 0\ncounts: 1");
    expect(idsOf()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(goOn(() => put12(5, "500,b,1"))).toBe(`input changed: ${join(root, "again/f15.csv")}\ncounts: 1`);
    expect(idsOf()).toEqual([0, 1, 2, 3, 4, 500, 6, 7, 8, 9, 10, 11]);
  });
});
