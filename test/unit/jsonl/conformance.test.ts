import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openJsonl, resolveJsonl } from "../../../src/io/json/jsonlSource.js";
import { parseType, type Schema } from "../../../src/schema/types.js";
import type { RejectRecord } from "../../../src/task/protocol.js";
import { batchRows } from "../csv/support.js";

// Every `<name>.jsonl` with a `<name>.expected.jsonl` beside it is a test: each line is one record, expected with its value or as a reject.
// A line without an expectation may come out either way, but only one way, and never as a crash.
const own = join(import.meta.dirname, "../../fixtures/json");
const corpora = join(import.meta.dirname, "../../../../shared/corpora/json");
const folders = [own, ...(existsSync(corpora) ? [corpora] : [])];
if (!existsSync(corpora)) console.warn(`skipped: there is no folder of JSON corpora at ${corpora}`);

const names = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl") && !name.endsWith(".expected.jsonl"))
    .map((name) => join(folder, name)),
);

const schema: Schema = [
  { name: "id", type: parseType("int64"), nullable: true },
  { name: "v", type: parseType("utf8"), nullable: true },
];

interface Expected {
  readonly line: number;
  readonly valid?: boolean;
  readonly code?: string;
  readonly value?: { readonly id: number; readonly v?: unknown };
}

const expectedOf = (path: string): Expected[] => {
  const beside = path.replace(/\.jsonl$/, ".expected.jsonl");
  if (!existsSync(beside)) return [];
  return readFileSync(beside, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Expected);
};

interface Outcome {
  readonly rows: Map<number, unknown[]>;
  readonly rejects: Map<number, RejectRecord>;
}

async function read(path: string, columns: Schema, blockBytes: number, batchRowCount: number): Promise<Outcome> {
  const stats = statSync(path);
  const file = { path, bytes: stats.size, modifiedMs: stats.mtimeMs, partitionValues: [] };
  const spec = { format: "jsonl", paths: [path], onReject: "quarantine", rejectLimits: {}, schema: columns } as const;
  const source = resolveJsonl(spec, { files: [file], partitionSchema: [] });
  const part = { kind: "bytes", file: 0, start: 0, end: stats.size, exactStart: true } as const;
  const out: Outcome = { rows: new Map(), rejects: new Map() };
  const options = {
    batchRows: batchRowCount,
    partition: 0,
    blockBytes,
    reject: (reject: RejectRecord) => void out.rejects.set(reject.line ?? 0, reject),
  };
  const reader = openJsonl({ source, schema: columns }, part, options);
  try {
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      const { origin, selection } = batch;
      batchRows(batch).forEach((row, i) => void out.rows.set(origin?.place(selection?.[i] ?? i).line ?? 0, row));
    }
  } finally {
    await reader.close();
  }
  return out;
}

const shown = (value: unknown): unknown => (value === undefined ? null : value);
/** The value that a text column holds: a text as it is, everything else as its JSON text. The expectations do not know of minus zero. */
const parsed = (text: unknown, wanted: unknown): unknown =>
  typeof text === "string" && typeof wanted !== "string"
    ? (JSON.parse(text.replaceAll(/(?<=[[,])-0(?=[\],])/g, "0")) as unknown)
    : text;

describe.each(names)("%s", (path) => {
  const expected = expectedOf(path);
  const lines = readFileSync(path).toString("latin1").split("\n");

  test.each([
    [64, 1],
    [200, 7],
    [1 << 20, 1000],
  ])("in blocks of %i bytes and batches of %i rows", async (blockBytes, rows) => {
    const outcome = await read(path, schema, blockBytes, rows);
    lines.forEach((line, i) => {
      const ends = Number(outcome.rows.has(i + 1)) + Number(outcome.rejects.has(i + 1));
      expect(ends, `line ${i + 1}`).toBe(/^[ \t\r]*$/.test(line) ? 0 : 1);
    });
    for (const { line, valid, code, value } of expected) {
      const reject = outcome.rejects.get(line);
      if (valid === false) expect(reject, `line ${line}`).toBeDefined();
      if (code !== undefined) expect(reject?.code, `line ${line}`).toBe(code);
      if (value === undefined) continue;
      const [id, v] = outcome.rows.get(line) ?? [];
      expect([Number(id), parsed(v, value.v)], `line ${line}`).toEqual([value.id, shown(value.v)]);
    }
  });

  test("a column less changes no line but those whose value did not fit", async () => {
    const all = await read(path, schema, 1 << 16, 100);
    const one = await read(path, schema.slice(0, 1), 1 << 16, 100);
    const none = (outcome: Outcome) =>
      [...outcome.rejects.values()].filter(({ column }) => column === null).map(({ line }) => line);
    expect(none(one)).toEqual(none(all));
  });
});
