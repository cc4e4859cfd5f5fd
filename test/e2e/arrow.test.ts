import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as arrow from "apache-arrow";
import { count, Engine, MillraceError, max, read, sum } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder = "";
let engine: Engine;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-arrow-"));
  engine = await Engine.create({ workers: 1, memory: "512MB", stateDir: join(folder, "state") });
});

afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const rows = 120;
const words = ["alpha", "beta", "gamma"];
const at = Array.from({ length: rows }, (_, i) => i);
const orNull = <T>(i: number, value: T): T | null => (i % 7 === 2 ? null : value);

/**
 * Every kind of column that Arrow's own library writes, with nulls: in three record batches of which each has a dictionary of its own, as only a
 * stream may have, or in one.
 */
function table(kind: "file" | "stream"): arrow.Table {
  const columns = (from: number, to: number) => {
    const some = at.slice(from, to);
    const vector = <T extends arrow.DataType>(type: T, value: (i: number) => T["TValue"] | null) =>
      arrow.vectorFromArray(some.map(value), type);
    return {
      id: vector(new arrow.Int64(), (i) => BigInt(i)),
      bool: vector(new arrow.Bool(), (i) => orNull(i, i % 2 === 0)),
      i8: vector(new arrow.Int8(), (i) => orNull(i, i - 60)),
      u32: vector(new arrow.Uint32(), (i) => i * 30_000_000),
      f32: vector(new arrow.Float32(), (i) => i / 4),
      f64: vector(new arrow.Float64(), (i) => orNull(i, i / 3)),
      text: vector(new arrow.Utf8(), (i) => orNull(i, `straße ${i}`)),
      word: vector(new arrow.Dictionary(new arrow.Utf8(), new arrow.Int16()), (i) => orNull(i, words[i % 3] as string)),
      bytes: vector(new arrow.Binary(), (i) => Uint8Array.of(i, 255 - i)),
      day: vector(new arrow.DateDay(), (i) => i * 86_400_000),
      moment: vector(new arrow.TimestampMillisecond(), (i) => i * 1000 - 500),
      list: vector(new arrow.List(new arrow.Field("item", new arrow.Int32(), true)), (i) => orNull(i, [i, i + 1] as never)),
    };
  };
  const cut = kind === "file" ? [columns(0, rows)] : [columns(0, 50), columns(50, 51), columns(51, rows)];
  const parts = cut.map((part) => new arrow.Table(part));
  const [first, ...others] = parts as [arrow.Table, ...arrow.Table[]];
  return first.concat(...others);
}

describe.each(["file", "stream"] as const)("an Arrow IPC %s", (kind) => {
  const bytes = () => Buffer.from(arrow.tableToIPC(table(kind), kind));

  it("holds what is read, dictionaries and nulls too", async () => {
    const path = join(folder, `whole-${kind}.arrow`);
    writeFileSync(path, bytes());
    const found = await engine.collect(read.arrow(path));
    expect(found.numRows).toBe(rows);
    for (const name of ["id", "bool", "i8", "u32", "f32", "text", "word", "f64"] as const) {
      const values = Array.from(found.getChild(name) ?? [], (value) => value as unknown);
      expect(values, name).toEqual(Array.from(table(kind).getChild(name) ?? [], (value) => value as unknown));
    }
    expect(Array.from(found.getChild("day") ?? [], Number)).toEqual(at.map((i) => i * 86_400_000));
    expect(Array.from(found.getChild("moment") ?? [], Number)).toEqual(at.map((i) => i * 1000 - 500));
    expect(JSON.stringify(found.getChild("list")?.get(4))).toBe("[4,5]");
    expect(found.getChild("list")?.get(2)).toBeNull();
  });

  it("that is cut, flipped or zeroed is refused by name or read to its end, in time", async () => {
    const whole = bytes();
    const path = join(folder, `broken-${kind}.arrow`);
    const outcomes = new Map<string, number>();
    const look = async (damaged: Buffer, what: string): Promise<string> => {
      writeFileSync(path, damaged);
      const plan = read
        .arrow(path, { schema: { id: "int64", text: "utf8", word: "utf8", f64: "float64", list: "list(int32)" } })
        .groupBy()
        .agg((c) => ({ n: count(), ids: sum(c.id), text: max(c.text), word: max(c.word) }));
      const outcome = await engine.collect(plan).then(
        () => "read",
        (error: unknown) => {
          expect(error, what).toBeInstanceOf(MillraceError);
          const { category, place, message, code } = error as MillraceError;
          expect(["Data", "Plan"], `${what}: ${message}`).toContain(category);
          expect(`${place.file} ${message}`, what).toContain(path);
          return code;
        },
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      return outcome;
    };
    for (let part = 0; part < 50; part += 2) {
      const length = Math.floor((whole.length * part) / 50);
      expect(await look(whole.subarray(0, length), `cut at ${length}`), `cut at ${length}`).not.toBe("read");
    }
    for (let from = 0; from < whole.length; from += 197) {
      const copy = Buffer.from(whole);
      copy[from] = (copy[from] as number) ^ (1 << (from % 8));
      await look(copy, `flipped at ${from}`);
    }
    for (let from = 8; from < whole.length - 40; from += 701) {
      const copy = Buffer.from(whole);
      copy.fill(0, from, from + 40);
      await look(copy, `zeroed at ${from}`);
    }
    expect(readFileSync(path).length).toBe(whole.length);
    expect(outcomes.size).toBeGreaterThan(1);
  });
});
