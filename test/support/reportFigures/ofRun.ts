import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect } from "vitest";
import {
  close,
  everyRun,
  explained,
  failed,
  folder,
  killedRejects,
  killedTasks,
  main,
  number,
  resumed,
  root,
  rows,
  runFolder,
  same,
  spilled,
  total,
  duckdb,
  type Run,
  type Again,
} from "./runs.js";

const written = { main: "out", resumed: "resumed.csv", spilled: "spilled.parquet", failed: null } as const;
const outputOf = ({ name }: Run) => written[name as keyof typeof written];

export function runFigures(): Again {
  const read = { main: rows + 8, resumed: rows / 2, spilled: 1000 } as const;
  return {
    schemaVersion: same(
      ({ schemaVersion }) => schemaVersion,
      () => 1,
    ),
    job: same(
      ({ job }) => job,
      ({ name }) => ({ main: "nightly", failed: "failing" })[name] ?? name,
    ),
    runId: () => {
      for (const [run, state] of [
        [main, "state"],
        [resumed, "state-resumed"],
        [spilled, "state-spilled"],
        [failed, "state"],
      ] as const)
        expect(existsSync(runFolder(state, run.data.runId))).toBe(true);
    },
    status: same(
      ({ status }) => status,
      ({ data, name }) => (name === "failed" ? "failed" : data.execution.recordsFailed > 0 ? "partial" : "success"),
    ),
    "execution.start": () => {
      for (const { data, before, after, name } of everyRun()) {
        if (name !== "resumed") expect(Date.parse(data.execution.start)).toBeGreaterThanOrEqual(before.ms);
        expect(Date.parse(data.execution.start)).toBeLessThanOrEqual(after.ms);
      }
    },
    "execution.end": () => {
      for (const { data, after } of everyRun()) expect(Date.parse(data.execution.end)).toBeLessThanOrEqual(after.ms);
    },
    "execution.durationMs": same(
      ({ execution }) => execution.durationMs,
      ({ data: { execution } }) => Date.parse(execution.end) - Date.parse(execution.start),
    ),
    "execution.deadline": () => {
      const { deadline, end } = main.data.execution;
      expect(deadline?.lateMs).toBe(Date.parse(end) - Date.parse(deadline?.at ?? ""));
      expect(deadline?.lateMs).toBeGreaterThan(60_000);
      expect(spilled.data.execution.deadline).toBeNull();
    },
    "execution.parameters": same(
      ({ execution }) => execution.parameters,
      ({ name }) => (name === "main" ? { date: "2026-01-31" } : {}),
    ),
    "execution.settings": () => {
      expect(main.data.execution.settings).toMatchObject({
        workers: 2,
        partitionBytes: 40 * 1024,
        stateDir: join(folder, "state"),
      });
      expect(spilled.data.execution.settings).toMatchObject({ workers: 1 });
    },
    "execution.versions": () => {
      const versionIn = (path: string) =>
        (JSON.parse(readFileSync(join(root, path, "package.json"), "utf8")) as { version: string }).version;
      const { versions } = main.data.execution;
      expect(versions).toMatchObject({
        millrace: versionIn("."),
        node: process.version,
        system: `${process.platform} ${process.arch}`,
      });
      for (const [name, version] of Object.entries(versions))
        if (existsSync(join(root, "node_modules", name))) expect(version).toBe(versionIn(`node_modules/${name}`));
    },
    "execution.recordsRead": async () => {
      expect(await number("SELECT count(*) FROM raw")).toBe(rows);
      for (const run of [main, resumed, spilled])
        expect([run.name, run.data.execution.recordsRead]).toEqual([run.name, read[run.name as keyof typeof read]]);
    },
    "execution.recordsFiltered": async () => {
      expect(main.data.execution.recordsFiltered).toBe(
        await number("SELECT count(*) FROM good WHERE NOT coalesce(quantity > 2, false)"),
      );
    },
    "execution.recordsFailed": async () => {
      expect(main.data.execution.recordsFailed).toBe(
        await number("SELECT (SELECT count(*) FROM raw) - (SELECT count(*) FROM good)"),
      );
      const { recordsFailed } = resumed.data.execution;
      expect(recordsFailed).toBe(
        await number(`SELECT count(*) FROM raw WHERE place <= ${rows / 2} AND try_cast(quantity AS INT) IS NULL`),
      );
      // Some by the process that was killed, some by the one that went on.
      expect(killedRejects).toBeGreaterThan(0);
      expect(recordsFailed).toBeGreaterThan(killedRejects);
    },
    "execution.recordsWritten": async () => {
      expect(main.data.execution.recordsWritten).toBe(
        await number("SELECT count(DISTINCT coalesce(store, '')) FROM good WHERE quantity > 2"),
      );
      expect(main.data.execution.recordsWritten).toBe(
        await number(`SELECT count(*) FROM read_parquet('${join(folder, "out/**/*.parquet")}')`),
      );
      expect(spilled.data.execution.recordsWritten).toBe(10);
      expect(failed.data.execution.recordsWritten).toBe(0);
    },
    "execution.successRate": same(
      ({ execution }) => execution.successRate.toFixed(9),
      ({
        data: {
          execution: { recordsRead, recordsFailed },
        },
      }) => (recordsRead === 0 ? 100 : (100 * (recordsRead - recordsFailed)) / recordsRead).toFixed(9),
    ),
    "execution.retries": same(
      ({ execution }) => execution.retries,
      ({ data }) => data.execution.attempts.filter(({ reason }) => reason === "retry").length,
    ),
    "execution.attempts": () => {
      // A text that looks like records moves borders: such a partition is read again from its exact one.
      const { attempts, stages } = main.data.execution;
      const more = stages.flatMap(({ name, tasks }) =>
        tasks.filter((task) => task.attempts > 1).map(({ partition }) => `${name}/${partition}`),
      );
      expect(more.length).toBeGreaterThan(0);
      expect([...new Set(attempts.map(({ stage, partition }) => `${stage}/${partition}`))].sort()).toEqual(
        [...new Set(more)].sort(),
      );
      for (const attempt of attempts) expect(attempt.startMs).toBeLessThanOrEqual(attempt.endMs);
    },
    "execution.phases": () => {
      for (const {
        data: { execution },
      } of [main, resumed, spilled]) {
        const [prepare, publish] = execution.phases;
        expect(execution.phases.map(({ name }) => name)).toEqual(["prepare", "publish"]);
        const starts = execution.stages.map(({ startMs }) => startMs);
        const ends = execution.stages.map(({ startMs, durationMs }) => startMs + durationMs);
        expect(prepare?.startMs).toBe(0);
        expect(prepare?.durationMs).toBeLessThanOrEqual(Math.min(...starts));
        expect(publish?.startMs).toBeGreaterThanOrEqual(Math.max(...ends));
        expect((publish?.startMs ?? 0) + (publish?.durationMs ?? 0)).toBeLessThanOrEqual(execution.durationMs);
      }
    },
    "execution.inputs": () => {
      const named = (names: readonly string[]) =>
        names
          .map((name) => join(folder, name))
          .map((path) => ({ path, bytes: statSync(path).size, modifiedMs: statSync(path).mtimeMs }));
      const byPath = (list: readonly { readonly path: string }[]) => [...list].sort((a, b) => (a.path < b.path ? -1 : 1));
      expect(byPath(main.data.execution.inputs)).toEqual(named(["a.csv", "b.csv", "stores.parquet"]));
      expect(resumed.data.execution.inputs).toEqual(named(["a.csv"]));
    },
    "execution.outputs": async () => {
      for (const run of [main, resumed, spilled]) {
        const [output] = run.data.execution.outputs;
        const path = join(folder, outputOf(run) ?? "");
        expect(output).toMatchObject({ path, mode: "overwrite", rows: run.data.execution.recordsWritten });
        const fileOf = (name: string) => (statSync(path).isDirectory() ? join(path, name) : path);
        for (const file of output?.files ?? []) {
          const bytes = readFileSync(fileOf(file.path));
          expect([file.bytes, file.checksum]).toEqual([bytes.length, crc32(bytes).toString(16).padStart(8, "0")]);
          if (file.path.endsWith(".parquet"))
            expect(file.rows).toBe(await number(`SELECT count(*) FROM read_parquet('${fileOf(file.path)}')`));
        }
        expect(output?.bytes).toBe(total((output?.files ?? []).map(({ bytes }) => bytes)));
        expect(output?.partitions).toBe(
          new Set((output?.files ?? []).map(({ partitionValues }) => JSON.stringify(partitionValues))).size,
        );
      }
      const folders = readdirSync(join(folder, "out")).filter((name) => name.startsWith("store="));
      expect(main.data.execution.outputs[0]?.partitions).toBe(folders.length);
    },
    "execution.flow": () => {
      for (const {
        data: { execution },
      } of everyRun()) {
        expect(execution.flow.map(({ id, name, kind }) => ({ id, name, kind })).slice(0, execution.stages.length)).toEqual(
          execution.stages.map(({ id, name, kind }) => ({ id, name, kind })),
        );
        for (const stage of execution.flow) {
          expect(execution.plan).toContain(stage.reason);
          for (const before of stage.reads) expect(before).toBeLessThan(stage.id);
          for (const source of stage.sources) expect(source.bytes).toBe(total(source.paths.map((path) => statSync(path).size)));
        }
      }
      const ends = main.data.execution.flow.flatMap(({ outputs }) => outputs);
      expect([...new Set(ends)]).toEqual([0]);
      const verdicts = main.data.execution.flow.flatMap((stage) => stage.verdicts ?? []);
      expect(verdicts).toHaveLength(1);
    },
    "execution.rejects": async () => {
      const { rejects, recordsFailed } = main.data.execution;
      const [file = ""] = rejects.files;
      const counted = async (by: string) =>
        Object.fromEntries(
          (
            await duckdb.runAndReadAll(
              `SELECT ${by}, count(*)::INT FROM read_parquet('${file}') WHERE ${by} IS NOT NULL GROUP BY 1 ORDER BY 1`,
            )
          ).getRows() as [string, number][],
        );
      expect(rejects.count).toBe(recordsFailed);
      const cast = await number("SELECT count(*) FROM raw WHERE try_cast(quantity AS INT) IS NULL");
      expect(rejects.byCode).toEqual({ CAST_FAILED: cast, CHECK_FAILED: recordsFailed - cast });
      for (const [by, found] of [
        ["code", rejects.byCode],
        ["file", rejects.byFile],
        ['"column"', rejects.byColumn],
      ] as const)
        expect(found).toEqual(await counted(by));
      for (const path of rejects.files) expect(existsSync(path)).toBe(true);
      const first = (await duckdb.runAndReadAll(`SELECT line::INT FROM read_parquet('${file}') LIMIT 10`))
        .getRows()
        .map(([line]) => line);
      expect(rejects.samples.map(({ line }) => line)).toEqual(first);
    },
    "execution.planFingerprint": () => {
      for (const { data, journal } of [main, resumed])
        expect(data.execution.planFingerprint).toBe(journal?.header.planFingerprint);
    },
    "execution.plan": () => expect(main.data.execution.plan.trim()).toBe(explained.trim()),
    "execution.resume": () => {
      expect(resumed.data.execution.resume).toEqual({
        earlierProcesses: (resumed.journal?.owners ?? 0) - 1,
        reusedTasks: killedTasks,
        reusedStages: 0,
        redone: [],
      });
      expect(killedTasks).toBeGreaterThan(0);
      for (const { data } of [main, spilled, failed]) expect(data.execution.resume).toBeNull();
    },
    "execution.error": () => {
      expect(failed.data.execution.error).toMatchObject({
        code: "CAST_FAILED",
        category: "Data",
        file: join(folder, "a.csv"),
        column: "quantity",
      });
      for (const { data } of [main, resumed, spilled]) expect(data.execution.error).toBeNull();
    },
    quality: async () => {
      const { quality } = main.data;
      const [seen, store] = [await number("SELECT count(*) FROM seen"), await number("SELECT count(store) FROM seen")];
      const twice = await number("SELECT count(*) - count(DISTINCT (store, note)) FROM seen WHERE store IS NOT NULL");
      const wanted = [
        ["notNull", seen, seen - store],
        ["between", seen, await number("SELECT count(*) FROM seen WHERE NOT (quantity BETWEEN 0 AND 9)")],
        ["unique", seen, seen - (await number("SELECT count(*) FROM good"))],
        ["mean", 1, 0],
        ["unique", store, twice],
        ["references", store, await number("SELECT count(*) FROM seen WHERE store = 's8'")],
      ] as const;
      expect(quality?.checks.map(({ kind, total: of, failed: no }) => [kind, of, no])).toEqual(wanted);
      const [all, bad] = [total(wanted.map(([, of]) => of)), total(wanted.map(([, , no]) => no))];
      close(quality?.score ?? 0, (100 * (all - bad)) / all);
      for (const [i, one] of (quality?.checks ?? []).entries()) {
        expect(one.passed).toBe(one.total - one.failed);
        close(one.passRate, one.passed / one.total);
        expect([one.verdict, one.critical]).toEqual([one.passRate >= one.threshold ? "passed" : "failed", one.passRate < 0.9]);
        // Of checks that group, samples are groups.
        expect(one.samples.length).toBe(Math.min(5, i < 4 ? one.failed : one.unexpected.values.length));
      }
      expect(quality?.verdict).toBe((quality?.checks ?? []).every(({ verdict }) => verdict === "passed") ? "passed" : "failed");
      close(Number(quality?.checks[3]?.observed), await number("SELECT avg(price) FROM seen"));
      const worst = (
        await duckdb.runAndReadAll(
          "SELECT quantity::VARCHAR, count(*)::INT AS n FROM seen WHERE NOT (quantity BETWEEN 0 AND 9) GROUP BY 1 ORDER BY n DESC, 1",
        )
      ).getRows();
      expect(quality?.checks[1]?.unexpected.values.map(({ value, count: n }) => [value, n])).toEqual(worst);
      for (const { data } of [resumed, spilled, failed]) expect(data.quality).toBeNull();
    },
  };
}
