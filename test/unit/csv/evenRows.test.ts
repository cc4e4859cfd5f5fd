import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { parseTimestamp } from "../../../src/functions/parse.js";
import { parseType } from "../../../src/schema/types.js";
import { readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const schema = [
  { name: "whole", type: parseType("int32"), nullable: true },
  { name: "text", type: parseType("utf8"), nullable: true },
  { name: "price", type: parseType("float64"), nullable: true },
];

const whole = fc.oneof(fc.integer({ min: -99_999_999, max: 99_999_999 }).map(String), fc.constantFrom("", "-0", "2147483647"));
const text = fc.oneof(fc.stringMatching(/^[a-z ]{1,30}$/), fc.constantFrom("", "x", '"quoted, with comma"', '"a ""b"""'));
/** Prices of one file mostly have their point at the same place. */
const price = (digits: number) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: -99_999, max: 99_999 }).map((n) => (n / 10 ** digits).toFixed(digits)) },
    { weight: 1, arbitrary: fc.constantFrom("", "7", "-1.5", "0.125", "-0.0", "1e3", "123456.7", "0.123456789", "12345678") },
  );

const meaning = {
  whole: (field: string) => (field === "" ? null : Number(field) + 0),
  text: (field: string) => {
    if (!field.startsWith('"')) return field === "" ? null : field;
    return field.slice(1, -1).replaceAll('""', '"');
  },
  price: (field: string) => (field === "" ? null : Number(field)),
};

/** A line that is no record, or a record of the wrong number of fields, ends a run of rows that lie evenly. */
const line = (digits: number) =>
  fc.oneof(
    { weight: 30, arbitrary: fc.tuple(whole, text, price(digits)) },
    { weight: 1, arbitrary: fc.constantFrom([""], ["1", "too few"], ["1", "too", "2.5", "many"]) },
  );

const file = fc.nat(6).chain((digits) => fc.array(line(digits), { minLength: 1, maxLength: 400 }));

test("values do not depend on how evenly the records around them lie", async () => {
  await fc.assert(
    fc.asyncProperty(file, fc.constantFrom("\n", "\r\n"), fc.constantFrom(7, 64, 8192), async (lines, end, batchRows) => {
      const body = lines.map((fields) => fields.join(",") + end).join("");
      const path = writeText(folder.path, `whole,text,price${end}${body}`);
      const { rows, rejects } = await readAll(resolveOne(path, {}, schema), { batchRows, blockBytes: 4096 });
      const good = lines.filter((fields) => fields.length === 3) as [string, string, string][];
      const expected = good.map(([a, b, c]) => [meaning.whole(a), meaning.text(b), meaning.price(c)]);
      expect(rows).toEqual(expected);
      expect(rejects.length).toBe(lines.filter((fields) => fields.length === 2 || fields.length === 4).length);
    }),
    { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 60) },
  );
});

const clock = [{ name: "at", type: parseType("timestamp"), nullable: true }, schema[1] as (typeof schema)[number]];
const twice = (n: number) => String(n).padStart(2, "0");
/** Days and times from before to behind what there is, each part at its borders more often than not. */
const moment = fc.tuple(
  fc.oneof(fc.constantFrom(0, 1, 4, 100, 400, 1900, 1969, 1970, 2000, 2023, 2024, 9999), fc.nat(9999)),
  fc.oneof(fc.constantFrom(0, 1, 2, 3, 12, 13), fc.integer({ min: 1, max: 12 })),
  fc.oneof(fc.constantFrom(0, 1, 28, 29, 30, 31, 32), fc.integer({ min: 1, max: 28 })),
  fc.oneof(fc.constantFrom(0, 23, 24), fc.nat(23)),
  fc.oneof(fc.constantFrom(0, 59, 60), fc.nat(59)),
  fc.oneof(fc.constantFrom(0, 59, 60), fc.nat(59)),
);

/** By JavaScript's own calendar, which moves what does not exist to another day. */
function microsOf([year, month, day, hour, minute, second]: readonly number[]): bigint | null {
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day);
  date.setUTCHours(hour ?? 0, minute, second);
  const parts = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()];
  const isThere = [...parts, date.getUTCSeconds()].join() === [year, month, day, hour, minute, second].join();
  return isThere ? BigInt(date.getTime()) * 1000n : null;
}

test("times of even records are those of the calendar, and others are rejected", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(moment, fc.boolean()), { minLength: 1, maxLength: 300 }),
      fc.constantFrom(" ", "T"),
      async (drawn, gap) => {
        const moments: number[][] = [];
        // Neighbours often share their day.
        for (const [own, isSameDay] of drawn) {
          const before = isSameDay ? (moments.at(-1) ?? own) : own;
          moments.push([...before.slice(0, 3), ...own.slice(3)]);
        }
        const lines = moments.map(([y, mo, d, h, mi, s]) => {
          return `${String(y).padStart(4, "0")}-${twice(mo)}-${twice(d)}${gap}${twice(h)}:${twice(mi)}:${twice(s)},x`;
        });
        const path = writeText(folder.path, `at,text\n${lines.join("\n")}\n`);
        const { rows, rejects } = await readAll(resolveOne(path, {}, clock), { blockBytes: 4096 });
        const expected = moments.map(microsOf);
        expect(rows.map(([at]) => at)).toEqual(expected.filter((at) => at !== null));
        expect(rejects.map(({ line: at }) => at)).toEqual(expected.flatMap((at, i) => (at === null ? [i + 2] : [])));
      },
    ),
    { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 60) },
  );
});

/** Texts after the seconds of a time, and the microseconds that they add; one shape for most of a file, as programs write it. */
const behind = (digits: number, zone: string) =>
  fc.oneof(
    { weight: 20, arbitrary: fc.tuple(fc.nat(10 ** digits - 1), fc.constant(digits), fc.constant(zone)) },
    { weight: 1, arbitrary: fc.tuple(fc.nat(9), fc.constant(1), fc.constantFrom("", "Z", "-11:30")) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constant(0), fc.constant(0), fc.constantFrom("", "Z", " Z", "+24", "+01:60", "Y", "+1", "+01:5")),
    },
  );

const zones = ["", "Z", " Z", "+00", "+05:30", "-0800", " +02", "-23:59"] as const;

/** Minutes that a clock of a zone is ahead; null where the text names none. */
function minutesAhead(zone: string): number | null {
  if (/^ ?Z?$/.test(zone)) return zone === " " ? null : 0;
  const [, sign, hours, minutes] = /^ ?([+-])([0-9]{2})(?::?([0-9]{2}))?$/.exec(zone) ?? [];
  if (hours === undefined || Number(hours) > 23 || Number(minutes ?? 0) > 59) return null;
  return (Number(hours) * 60 + Number(minutes ?? 0)) * (sign === "-" ? -1 : 1);
}

const shaped = fc.record({ digits: fc.nat(9), zone: fc.constantFrom(...zones), gap: fc.constantFrom(" ", "T") }).chain((shape) =>
  fc.record({
    gap: fc.constant(shape.gap),
    times: fc.array(fc.tuple(moment, behind(shape.digits, shape.zone)), { minLength: 1, maxLength: 200 }),
  }),
);

test("fractions of a second and zones count, whether rows have the same or not", async () => {
  await fc.assert(
    fc.asyncProperty(shaped, async ({ gap, times }) => {
      const lines = times.map(([[y, mo, d, h, mi, s], [fraction, digits, zone]]) => {
        const day = `${String(y).padStart(4, "0")}-${twice(mo)}-${twice(d)}`;
        const point = digits === 0 ? "" : `.${String(fraction).padStart(digits, "0")}`;
        return `${day}${gap}${twice(h)}:${twice(mi)}:${twice(s)}${point}${zone},x`;
      });
      const expected = times.map(([parts, [fraction, digits, zone]]) => {
        const at = microsOf(parts);
        const ahead = minutesAhead(zone);
        // Digits past microseconds are cut.
        return at === null || ahead === null ? null : at + BigInt(Math.trunc(fraction * 10 ** (6 - digits)) - ahead * 6e7);
      });
      const path = writeText(folder.path, `at,text\n${lines.join("\n")}\n`);
      const { rows, rejects } = await readAll(resolveOne(path, {}, clock), { blockBytes: 8192 });
      expect(rows.map(([at]) => at)).toEqual(expected.filter((at) => at !== null));
      expect(rejects.map(({ line: at }) => at)).toEqual(expected.flatMap((at, i) => (at === null ? [i + 2] : [])));
    }),
    { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 60) },
  );
});

test("times with a wrong character are what the one definition makes of them", async () => {
  const text = fc.constantFrom(
    "2024-02-29 13:05",
    "2024-02-29T13:05:59.123456789+05:30",
    "2024-02-29 13:05:59.5 -0800",
    "2024-02-29T13:05:59Z",
  );
  const change = fc.tuple(fc.nat(40), fc.constantFrom(..."0123456789:.+-TZ z/", ""));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(text, fc.option(change)), { minLength: 1, maxLength: 100 }), async (drawn) => {
      const texts = drawn.map(([time, at]) => (at === null ? time : time.slice(0, at[0]) + at[1] + time.slice(at[0] + 1)));
      const path = writeText(folder.path, `at,text\n${texts.map((time) => `${time},x\n`).join("")}`);
      const { rows } = await readAll(resolveOne(path, {}, clock), { blockBytes: 8192 });
      expect(rows.map(([at]) => at)).toEqual(texts.map(parseTimestamp).filter((at) => at !== null));
    }),
    { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 60) },
  );
});

test("lines are counted right where quotes hold line ends, letters are not ASCII, and records are wrong", async () => {
  const cell = fc.constantFrom("1,plain,2", "2,é,3", '3,"two\nlines",4', "4,too few", "x,no number,5", '5,"q",6', "");
  await fc.assert(
    fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 200 }), fc.constantFrom("\n", ""), async (cells, end) => {
      const path = writeText(folder.path, `whole,text,price\n${cells.join("\n")}${end}`);
      const { rows, rejects } = await readAll(resolveOne(path, {}, schema), { blockBytes: 256 });
      let at = 2;
      const wrong: number[] = [];
      for (const text of cells) {
        if (text.startsWith("x") || text.endsWith("few")) wrong.push(at);
        at += text.split("\n").length;
      }
      expect(rejects.map(({ line }) => line)).toEqual(wrong);
      const letters = cells.flatMap((text) =>
        text === "" || /^x|few$/.test(text) ? [] : [text.split(",")[1]?.replaceAll('"', "")],
      );
      expect(rows.map(([, text]) => text)).toEqual(letters);
    }),
    { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 60) },
  );
});
