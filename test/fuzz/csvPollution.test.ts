import { afterAll, expect, test } from "vitest";
import type { RowOrigin } from "../../src/batch/column.js";
import { openCsv } from "../../src/io/csv/csvSource.js";
import type { PartitionSpec } from "../../src/task/protocol.js";
import { types } from "../../src/schema/types.js";
import { csvDefaults, readAll, resolveOne, tempFolder, writeText } from "../unit/csv/support.js";
import { asciiWords as words, type CleanFile, cleanFile, type PollutedFile, pollute } from "./pollution.js";
import { fuzzSeed, randomFrom } from "./random.js";
import { readSlowly } from "./slowCsv.js";

const folder = tempFolder();
afterAll(() => folder.remove());

const runs = Number(process.env.MILLRACE_PROPERTY_RUNS ?? 800);
const schemaOf = (columns: number) =>
  Array.from({ length: columns }, (_, i) => ({ name: `c${i}`, type: types.utf8, nullable: true }));

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where the rows stand that are delivered, and the lines that are rejected. */
async function deliver(text: string, columns: number): Promise<{ readonly rows: Span[]; readonly rejects: Span[] }> {
  const path = writeText(folder.path, text, "polluted.csv");
  const source = resolveOne(path, { quotes: "strict", columns: "byPosition" }, schemaOf(columns));
  const rejects: Span[] = [];
  const rows: Span[] = [];
  const reader = openCsv(
    { source, schema: source.schema },
    { kind: "wholeFile", file: 0 },
    {
      batchRows: 4096,
      partition: 0,
      reject: ({ byte, length }) => rejects.push({ start: byte ?? -1, end: (byte ?? -1) + (length ?? 0) }),
    },
  );
  for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
    const { selection, length } = batch;
    for (const row of selection ?? Int32Array.from({ length }, (_, i) => i)) {
      const place = (batch.origin as RowOrigin).place(row);
      rows.push({ start: place.byte ?? -1, end: (place.byte ?? -1) + (place.length ?? 0) });
    }
  }
  await reader.close();
  return { rows, rejects };
}

/** What is wrong with a delivered row: it begins or ends inside a field, or holds the lines of several records. */
function fault(clean: CleanFile, dirty: PollutedFile, { start, end }: Span): string | null {
  const places = dirty.from.slice(start, end).filter((place) => place >= 0);
  const [first, last] = [places[0], places[places.length - 1]];
  if (first === undefined || last === undefined) return null;
  const recordAt = (place: number): number => clean.records.findIndex((record) => place >= record.start && place <= record.end);
  const begin = clean.records[recordAt(first)];
  if (begin !== undefined && clean.text[first - 1] === "\n" && first !== begin.start) return "begins inside a field";
  const behind = clean.records[recordAt(last)];
  const ends = behind !== undefined && /[\r\n]/.test(clean.text[last + 1] ?? "") && last + 1 !== behind.end;
  if (ends && dirty.from[end] === last + 1) return "ends inside a field";
  const mixed = places.some((place) => recordAt(place) >= 0 && recordAt(place) !== recordAt(first));
  return mixed && dirty.text.slice(start, end).includes("\n") ? "holds several records" : null;
}

test.each([0, 1, 2] as const)(
  "strict quotes never deliver a line of a damaged field, nor lose one (quoting %i)",
  { timeout: 360_000 },
  async (quoting) => {
    for (let run = 0; run < runs; run++) {
      const random = randomFrom(fuzzSeed, run);
      const columns = 2 + random.below(5);
      const clean = cleanFile(random, columns, 1 + random.below(14), { quoting, words, prose: true });
      const dirty = pollute(random, clean);
      const { rows, rejects } = await deliver(dirty.text, columns);
      const label = `seed ${fuzzSeed} run ${run}, ${dirty.damage}: ${JSON.stringify(dirty.text)}`;
      // Of two records spliced into one by a lost range a sound file may be left.
      const faults = rows.map((row) => fault(clean, dirty, row)).filter((found) => found !== null);
      if (!dirty.damage.startsWith("delete range")) expect(faults, label).toEqual([]);
      let at = dirty.text.indexOf("\n") + 1;
      for (const { start, end } of [...rows, ...rejects].sort((a, b) => a.start - b.start)) {
        expect(dirty.text.slice(at, start), label).toMatch(/^[\r\n]*$/);
        at = end;
      }
      expect(dirty.text.slice(at), label).toMatch(/^[\r\n]*$/);
    }
  },
);

test("damage is judged the same for any block size and split, and as the slow reader does", { timeout: 360_000 }, async () => {
  for (let run = 0; run < runs / 20; run++) {
    const random = randomFrom(fuzzSeed + 1, run);
    const columns = 2 + random.below(3);
    const clean = cleanFile(random, columns, 40 + random.below(400), { quoting: random.pick([0, 1, 2]), words, prose: true });
    let { text } = clean;
    for (let damages = 1 + random.below(6); damages > 0; damages--) text = pollute(random, { ...clean, text }).text;
    const path = writeText(folder.path, text, "long.csv");
    const source = resolveOne(path, { quotes: "strict", columns: "byPosition" }, schemaOf(columns));
    const slow = readSlowly(text, { ...csvDefaults, quotes: "strict" }, 0);
    const borders = [0, ...Array.from({ length: random.below(6) }, () => random.below(text.length)), text.length];
    borders.sort((a, b) => a - b);
    const parts = borders.slice(1).flatMap((end, i): PartitionSpec[] => {
      const start = borders[i] as number;
      return end > start ? [{ kind: "bytes", file: 0, start, end, exactStart: i === 0 }] : [];
    });
    const blockBytes = random.pick([100, 1000, 3000, 10_000]);
    const { rows, rejects } = await readAll(source, { parts, blockBytes, batchRows: 1 + random.below(50) });
    const label = `seed ${fuzzSeed} run ${run}, blocks of ${blockBytes}, borders ${borders}`;
    const wanted = slow.records.filter(({ reject }) => reject === null);
    expect(rows, label).toEqual(wanted.map(({ fields }) => fields.map((f) => (f.raw === "" ? null : f.text))));
    const refused = slow.records.filter(({ reject }) => reject !== null).sort((a, b) => a.start - b.start);
    expect(
      rejects.map(({ code, byte, length }) => [code, byte, length]),
      label,
    ).toEqual(refused.map(({ reject, start, end }) => [reject, start, end - start]));
  }
});
