import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, read } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-rejects-many-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Expected {
  readonly line: number;
  readonly byte: number;
  readonly raw: string;
  readonly column: string | null;
  readonly code: string;
  readonly message: string;
}

/** Records of a file, of which some are wrong, with what is to be said of those. */
function fileOf(
  records: readonly { readonly text: string; readonly wrong?: Pick<Expected, "column" | "code" | "message"> }[],
  lineEnd: string,
) {
  const head = `id,amount,note${lineEnd}`;
  let [line, byte] = [2, head.length];
  const expected: Expected[] = [];
  for (const { text, wrong } of records) {
    if (wrong !== undefined) expected.push({ line, byte, raw: text, ...wrong });
    line += text.split(lineEnd).length;
    byte += Buffer.byteLength(text) + lineEnd.length;
  }
  return { text: head + records.map(({ text }) => text + lineEnd).join(""), expected };
}

const noNumber = (text: string, column: string, type: string) => ({
  column,
  code: "CAST_FAILED",
  message: `"${text}" cannot be read as ${type}`,
});
const fields = (found: number) => ({
  column: null,
  code: found < 3 ? "CSV_TOO_FEW_FIELDS" : "CSV_TOO_MANY_FIELDS",
  message: `expected 3 fields, found ${found}`,
});

/** Every kind of wrong record, alone and in crowds, with more different texts than anybody remembers. */
function records(lineEnd: string, quotedLineEnds: boolean) {
  return Array.from({ length: 30_000 }, (_, i) => {
    const note = quotedLineEnds && i % 700 === 0 ? `"two${lineEnd}lines"` : `n${i}`;
    if (i === 11_111) return { text: `x,1,${"long ".repeat(20_000)}`, wrong: noNumber("x", "id", "int32") };
    if (i > 9000 && i < 12_500) return { text: `${i}x,1,${note}`, wrong: noNumber(`${i}x`, "id", "int32") };
    if (i > 15_000 && i < 19_000) return { text: `${i},1y,${note}`, wrong: noNumber("1y", "amount", "float64") };
    if (i % 97 === 0) return { text: `z,1y,${note}`, wrong: noNumber("z", "id", "int32") };
    if (i % 101 === 0) return { text: `${i},1`, wrong: fields(2) };
    if (i % 103 === 0) return { text: `${i},1,a,b,c`, wrong: fields(5) };
    if (i % 107 === 0) return { text: `${i},zz${i % 7},${note}`, wrong: noNumber(`zz${i % 7}`, "amount", "float64") };
    return { text: `${i},${i}.5,${note}` };
  });
}

describe("many rejects", () => {
  it.each([
    ["lines of one kind", "\n", false],
    ["CR before every LF", "\r\n", false],
    ["line ends in quotes", "\n", true],
  ])("are told one by one as they stand in the file: %s", async (_, lineEnd, quoted) => {
    const { text, expected } = fileOf(records(lineEnd, quoted), lineEnd);
    const path = join(folder, `many-${lineEnd.length}-${quoted}.csv`);
    writeFileSync(path, text);
    const stateDir = join(folder, `state-${lineEnd.length}-${quoted}`);
    await using engine = await Engine.create({ workers: 2, stateDir });
    const source = read.csv(path, { schema: { id: "int32", amount: "float64", note: "utf8" }, onReject: "quarantine" });
    const { rejects, outputs } = await engine.run(source.write.parquet(join(folder, "out"), { mode: "overwrite" })).result;
    const found: Expected[] = [];
    for await (const reject of rejects) {
      const { line, byte, raw, column, code, message } = reject;
      expect([reject.file, reject.length, reject.stage, reject.functionName, reject.row, reject.rawKind]).toEqual([
        path,
        raw?.length,
        "scan csv",
        null,
        null,
        "bytes",
      ]);
      found.push({ line: line ?? -1, byte: byte ?? -1, raw: Buffer.from(raw ?? []).toString(), column, code, message });
    }
    expect(found).toEqual(expected);
    expect(outputs[0]?.rows).toBe(30_000 - expected.length);
    const counted = (key: "code" | "column") => {
      const counts: Record<string, number> = {};
      for (const one of expected) if (one[key] !== null) counts[one[key]] = (counts[one[key]] ?? 0) + 1;
      return counts;
    };
    expect([rejects.count, rejects.byCode, rejects.byColumn]).toEqual([expected.length, counted("code"), counted("column")]);
    const raw = readFileSync(rejects.rawFiles[0]?.path ?? "", "utf8");
    expect(raw).toBe(`id,amount,note${lineEnd}${expected.map((one) => `${one.raw}\n`).join("")}`);
  });
});
