import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Engine, inspectCsv, read } from "millrace";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "millrace-preview-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = fileURLToPath(new URL("../../dist/run/cli.js", import.meta.url));
const path = join(folder, "orders.csv");
writeFileSync(path, Buffer.from("id;größe;day\n1;2;13/01/2024\n2;NA;14/02/2024\n", "latin1"));

test("preview prints what it guessed, and reads by it", async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, "preview", path]);
  expect(stderr).toMatch(/encoding: "windows-1252",.*% sure/);
  expect(stderr).toMatch(/delimiter: ";",.*% sure/);
  expect(stderr).toMatch(/nullValues: \["","NA"\],/);
  expect(stderr).toContain('"day": "date",');
  expect(stderr).toContain('dateFormat: {"day":"%d/%m/%Y"}');
  expect(stdout).toContain("größe");
});

test("what is given is not guessed", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [cli, "preview", path, "--no-header", "--json"]);
  const lines = stdout.trimEnd().split("\n");
  const [schema, dialect, first] = lines.map((line) => JSON.parse(line));
  expect(schema.fields.map(({ name }: { name: string }) => name)).toEqual(["column0", "column1", "column2"]);
  expect(dialect).toMatchObject({ kind: "dialect", options: { header: false, delimiter: ";" }, lineEnd: "LF" });
  expect(dialect.sure.header).toBeUndefined();
  expect(first.values).toEqual({ column0: "id", column1: "größe", column2: "day" });
});

test("the printed options read the same as a guessed dialect", async () => {
  await using engine = await Engine.create({ workers: 1 });
  const guessed = await engine.collect(read.csv(path, { dialect: "auto" }));
  const printed = await engine.collect(read.csv(path, { ...inspectCsv(path).options, dateFormat: { day: "%d/%m/%Y" } }));
  expect(guessed.toString()).toBe(printed.toString());
  expect(guessed.numRows).toBe(2);
});

test("a guessed dialect reads dates by the format that it found, unless day and month could be exchanged", async () => {
  await using engine = await Engine.create({ workers: 1 });
  const file = join(folder, "dates.csv");
  writeFileSync(
    file,
    "sure,unsure,at,given\n13/01/2024,04/05/2024,14.02.2024 08:30:00,x\n01/02/2024,06/07/2024,01.03.2024 09:00:00,y\n",
  );
  const table = await engine.collect(read.csv(file, { dialect: "auto" }));
  expect(table.schema.fields.map(({ name, type }) => `${name} ${String(type)}`)).toEqual([
    "sure Date32<DAY>",
    "unsure Utf8",
    "at Timestamp<MICROSECOND>",
    "given Utf8",
  ]);
  expect(table.toArray().map((row) => Number(row.sure))).toEqual([Date.UTC(2024, 0, 13), Date.UTC(2024, 1, 1)]);
  const own = await engine.collect(read.csv(file, { dialect: "auto", dateFormat: { unsure: "%m/%d/%Y" } }));
  expect(own.toArray().map((row) => Number(row.unsure))).toEqual([Date.UTC(2024, 3, 5), Date.UTC(2024, 5, 7)]);
});
