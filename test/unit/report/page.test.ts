import { describe, expect, it } from "vitest";
import type { RunMetrics } from "../../../src/report/model.js";
import { buildReport, pastRun } from "../../../src/report/report.js";
import type { QualityReport } from "../../../src/quality/results.js";
import { run, stage, startMs, task, wholeRun } from "./sample.js";

const evil = `"><script>alert(1)</script><img src=x onerror='alert(2)'>\u202Eevil\u0000</style></title>`;
const reject = {
  file: evil,
  line: 3,
  byte: 4,
  length: 5,
  row: null,
  stage: evil,
  column: evil,
  code: "CAST_FAILED",
  message: evil,
  functionName: evil,
  functionHash: null,
  attempt: 1,
};
const check = {
  name: evil,
  kind: "notNull",
  dimension: "completeness",
  field: evil,
  columns: [evil],
  total: 10,
  passed: 1,
  failed: 9,
  threw: 0,
  passRate: 0.1,
  threshold: 0.99,
  verdict: "failed",
  critical: true,
  severity: "error",
  action: "warn",
  expected: evil,
  observed: null,
  samples: [{ file: evil, line: 1, byte: 2, values: { [evil]: evil }, message: evil }],
  unexpected: { values: [{ value: evil, count: 9 }], complete: false },
} as unknown as QualityReport["checks"][number];

/** Whatever can come from data or from a user is hostile here. */
const hostile: RunMetrics = wholeRun({
  job: evil,
  parameters: { [evil]: evil },
  plan: `${evil}\n${evil}`,
  stages: [
    stage(0, { name: evil, recordsRead: 10, rejected: 1, tasks: Array.from({ length: 9 }, (_, i) => task(i, { where: evil })) }),
  ],
  outputs: [
    {
      path: evil,
      format: "csv",
      mode: "error",
      rows: 1,
      bytes: 1,
      partitions: 1,
      files: [{ path: evil, rows: 1, bytes: 1, checksum: evil, partitionValues: [evil] }],
    },
  ],
  rejects: { count: 1, byCode: { [evil]: 1 }, byFile: { [evil]: 1 }, byColumn: { [evil]: 1 }, samples: [reject], files: [evil] },
  inputs: [{ path: evil, bytes: 1, modifiedMs: startMs }],
  quality: { score: 10, verdict: "failed", checks: [check] },
  error: { code: "CHECK_FAILED", category: "Data", message: evil, hint: evil, file: evil, column: evil, stage: evil },
  attempts: [
    {
      attempt: 2,
      reason: "retry",
      worker: 1,
      queuedMs: 0,
      startMs: 0,
      endMs: 1,
      outcome: "failed",
      code: evil,
      message: evil,
      stage: evil,
      partition: 0,
    },
  ],
  flow: [
    {
      id: 0,
      name: evil,
      kind: "worker",
      reason: evil,
      sources: [{ format: evil, paths: [evil], files: 1, bytes: 1, estimatedRecords: 1 }],
      reads: [],
      outputs: [0],
      checks: true,
    },
  ],
  settings: { [evil]: evil },
  versions: { [evil]: evil },
});

const tagPattern = /<(\/?)([a-zA-Z][\w]*)((?:\s+[\w:-]+(?:="[^"<>]*")?)*)\s*(\/?)>/g;
const known = new Set(
  "html head meta title style body main header section h1 h2 h3 p div span ul li dl dt dd small table thead tbody tr th td code pre details summary footer br b i svg rect path text".split(
    " ",
  ),
);

/** Tags of a page, in order; anything that looks like markup and is none fails. */
function tagsOf(
  page: string,
): { readonly name: string; readonly attributes: string; readonly end: boolean; readonly empty: boolean }[] {
  const text = page.replace(/<style>[^<]*<\/style>/, "").replace("<!doctype html>", "");
  expect(text.replace(tagPattern, "")).not.toMatch(/[<>]/);
  return [...text.matchAll(tagPattern)].map(([, end, name = "", attributes = "", empty]) => ({
    name,
    attributes,
    end: end === "/",
    empty: empty === "/",
  }));
}

describe("the page", () => {
  const pages = {
    empty: buildReport(run()),
    whole: buildReport(wholeRun()),
    hostile: buildReport(hostile, [pastRun(buildReport(wholeRun({ job: evil })).data)], 20),
  };

  it.each(Object.entries(pages))("of the %s run is well-formed, and holds nothing that could run or be fetched", (_, report) => {
    const page = report.toHtml();
    const open: string[] = [];
    for (const { name, attributes, end, empty } of tagsOf(page)) {
      expect(known).toContain(name);
      expect(attributes.replaceAll(/"[^"]*"/g, '""')).not.toMatch(/\s(on\w+|src|href|action|formaction|xlink:href|srcdoc)=/i);
      if (end) expect(open.pop()).toBe(name);
      else if (!empty && !["meta", "br"].includes(name)) open.push(name);
    }
    expect(open).toEqual([]);
    expect(page).not.toMatch(/<script|javascript:|@import|url\(|https?:\/\//i);
    expect(page).toContain("default-src &#39;none&#39;".replaceAll("&#39;", "'"));
    expect(page).not.toMatch(/NaN|undefined|\[object/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(page).not.toMatch(/[\u0000-\u0008\u200E\u200F\u202A-\u202E\u2066-\u2069]/);
  });

  it("says the verdict first", () => {
    const page = pages.whole.toHtml();
    const text = page.replace(/<style>.*?<\/style>/s, "").replace(/<[^>]*>/g, "|");
    expect(text.indexOf("Finished with rejects in 1 min: 13,000 records read, 20 rows written, 100 rejected.")).toBeLessThan(600);
  });

  it("stays under a megabyte with 5,000 partitions, and is much the same with twice as many inputs and outputs", () => {
    const tasks = Array.from({ length: 5000 }, (_, i) =>
      task(i, { endMs: task(i).startMs + 4000 + ((i * 7919) % 3000), where: `part ${i}` }),
    );
    const files = Array.from({ length: 20_000 }, (_, i) => ({
      path: `day=${i}/part-00000.parquet`,
      rows: 1,
      bytes: 1,
      checksum: "00000000",
      partitionValues: [`${i}`],
    }));
    const inputs = files.map(({ path }) => ({ path, bytes: 1, modifiedMs: startMs }));
    const output = { path: "out", format: "parquet", mode: "error", rows: 1, bytes: 1, partitions: files.length, files };
    const big = run({
      endMs: startMs + 2e7,
      stages: [stage(0, { endMs: startMs + 2e7, recordsRead: 5e6, tasks }), stage(1, { endMs: startMs + 2e7, tasks })],
      outputs: [output],
      inputs,
    });
    const page = buildReport(big).toHtml();
    expect(Buffer.byteLength(page)).toBeLessThan(1_000_000);
    expect(page).toContain("5,000 partitions");
  });

  it("describes every drawing in words", () => {
    const drawings = [...pages.whole.toHtml().matchAll(/<svg[^>]*>/g)].map(([tag]) => tag);
    expect(drawings.length).toBeGreaterThan(3);
    expect(
      drawings.filter((tag) => !/role="img" aria-label="[^"]{5,}"/.test(tag) && !tag.includes('aria-hidden="true"')),
    ).toEqual([]);
  });
});

describe("the text", () => {
  it("steers no terminal", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(buildReport(hostile).toText()).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E]/);
  });

  it("begins with the verdict", () => {
    const lines = buildReport(wholeRun()).toText().split("\n");
    expect(lines[0]).toBe("PARTIAL  nightly  run 20260131T000000-00000000");
    expect(lines[1]).toMatch(/^ {2}13,000 records read, 100 rejected, 1 min \(217 records\/s, 0 MB\/s\), peak memory 100 MB$/);
  });
});

describe("a report in an error", () => {
  it("shows as one line", async () => {
    const { inspect } = await import("node:util");
    expect(inspect(buildReport(run()))).toBe("RunReport { success nightly 20260131T000000-00000000 }");
    // As Node shows it where nobody caught the error that holds it.
    expect(inspect(buildReport(run()), { customInspect: false })).toBe("RunReport {}");
  });
});
