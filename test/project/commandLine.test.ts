import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const main = join(root, "dist/run/cli.js");
let folder = "";

beforeAll(() => {
  if (!existsSync(main)) throw new Error("dist/ is missing: run npm run build first");
  folder = mkdtempSync(join(tmpdir(), "millrace-process-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the built command line; `onOut` sees what it has said so far. */
function millrace(
  args: readonly string[],
  onOut: (out: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
    onOut(out, (signal) => child.kill(signal));
  });
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString();
  });
  return new Promise((done) => child.on("close", (code) => done({ code, out, err })));
}

const job = (out: string, ...more: string[]) => [
  "run",
  "examples/daily-sales.ts",
  "--workers",
  "1",
  "--state-dir",
  join(folder, "state"),
  "--set",
  `out=${join(folder, out)}`,
  ...more,
];

describe("millrace run", () => {
  it("sums up on stderr, leaves stdout alone and puts the report beside the output", async () => {
    const { code, out, err } = await millrace(job("plain"));
    expect(out).toBe("");
    expect(err).toMatch(/20,000 records read, 0 rejected/);
    expect(err).not.toContain("\u001b");
    const report = JSON.parse(readFileSync(join(folder, "plain/daily-sales.report.json"), "utf8")) as Record<string, unknown>;
    expect(report).toMatchObject({ job: "daily-sales", status: "success" });
    expect(code).toBe(0);
  });

  it("ends with 3 where records were rejected, and says why", async () => {
    const { code, err } = await millrace(job("dirty", "--set", "sales=datasets/sales-dirty.csv"));
    // The generator's own counts: 23 bad numbers and 6 bad dates, 11 short and 8 long records.
    expect(err).toMatch(/2,000 records read, 48 rejected/);
    expect(err).toMatch(/29 .* CAST_FAILED/);
    expect(err).toMatch(/11 .* CSV_TOO_FEW_FIELDS/);
    expect(err).toMatch(/8 .* CSV_TOO_MANY_FIELDS/);
    expect(code).toBe(3);
  });

  it("ends with 2 for what the caller got wrong", async () => {
    expect(await millrace(job("x", "--set", "sales=nowhere.csv"))).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringMatching(/SOURCE_NOT_FOUND/),
    });
    expect(await millrace(job("x", "--set", "date=yesterday"))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/PLAN_FILE_FAILED.*YYYY-MM-DD/),
    });
    expect(existsSync(join(folder, "x/daily"))).toBe(false);
  });

  const published = (out: string): string[] => {
    const folderOf = join(folder, out);
    const files = existsSync(folderOf) ? readdirSync(folderOf, { recursive: true, encoding: "utf8" }) : [];
    return files.filter((file) => file.endsWith(".parquet") && !file.startsWith("."));
  };

  it.each(["SIGINT", "SIGTERM"] as const)("stops on %s with 75 and publishes nothing, and resume finishes it", async (signal) => {
    const sent = { yes: false };
    const { code } = await millrace(job(signal, "--json"), (out, kill) => {
      if (sent.yes || !out.includes('"stage-started"')) return;
      sent.yes = true;
      kill(signal);
    });
    expect(code).toBe(75);
    expect(published(signal)).toEqual([]);
    // Unlike the run itself: two workers, less memory, and a report elsewhere.
    const report = join(folder, `${signal}.json`);
    const flags = ["--workers", "2", "--memory", "600MB", "--report", report, "--state-dir", join(folder, "state")];
    expect(await millrace(["resume", ...flags])).toMatchObject({ code: 0 });
    expect(published(signal)).not.toEqual([]);
    const said = JSON.parse(readFileSync(report, "utf8")) as Record<string, unknown>;
    expect(said).toMatchObject({
      job: "daily-sales",
      status: "success",
      execution: { resume: { earlierProcesses: 1 } },
      performance: { workers: 2, memoryBytes: 600e6 },
    });
  });

  it("ends at once on a second signal, and publishes nothing", async () => {
    const sent = { yes: false };
    const { code } = await millrace(job("twice", "--json"), (out, kill) => {
      if (sent.yes || !out.includes('"stage-started"')) return;
      sent.yes = true;
      kill("SIGINT");
      kill("SIGTERM");
    });
    // The system may hand over two signals that wait together in either order.
    expect([130, 143]).toContain(code);
    expect(published("twice")).toEqual([]);
  });
});

describe("millrace preview", () => {
  it("shows what it can read of a file with bad records, and says what is wrong", async () => {
    const { code, out, err } = await millrace([
      "preview",
      "datasets/sales-dirty.csv",
      "--rows",
      "2",
      "--state-dir",
      join(folder, "state"),
    ]);
    expect(err).toMatch(/at datasets\/sales-dirty\.csv:\d+/);
    expect(out.split("\n").length).toBe(6);
    expect(out).toMatch(/^transaction_id +customer_id/);
    expect(code).toBe(3);
  });

  it.each([
    ["files that a shell put in place of a pattern", ["datasets/sales/2026-01-02.csv", "datasets/sales/2026-01-01.csv"]],
    ["a pattern", ["datasets/sales/*.csv"]],
    ["a folder", ["datasets/sales"]],
  ])("takes %s as one source", async (_what, paths) => {
    const { code, out } = await millrace([
      "preview",
      ...paths,
      "--rows",
      "10000",
      "--json",
      "--state-dir",
      join(folder, "state"),
    ]);
    expect(code).toBe(0);
    const days = [...out.matchAll(/"transaction_date":"(2026-01-\d\d)/g)].map(([, day]) => day);
    expect(days.slice(0, 2)).toEqual(["2026-01-01", "2026-01-01"]);
    expect(new Set(days)).toEqual(new Set(["2026-01-01", "2026-01-02"]));
  });

  it("takes options that may be repeated before the path", async () => {
    const { code, out } = await millrace([
      ...["preview", "--null-value", "S001", "--null-value", "S002", "datasets/sales/2026-01-01.csv", "--rows", "3", "--json"],
      ...["--state-dir", join(folder, "state")],
    ]);
    expect(code).toBe(0);
    expect(out).toContain('"nullValues":["S001","S002"]');
  });

  it("gives rows as NDJSON", async () => {
    const { out } = await millrace([
      "preview",
      "datasets/customers.parquet",
      "--rows",
      "1",
      "--json",
      "--state-dir",
      join(folder, "state"),
    ]);
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { schemaVersion: 1, kind: "schema", fields: [{ name: "customer_id", type: "utf8" }, {}, {}, {}] },
      { schemaVersion: 1, kind: "row", values: { customer_id: "C0000001" } },
    ]);
  });
});
