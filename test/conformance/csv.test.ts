import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { CsvOptions } from "../../src/plan/csvSpec.js";
import { tempFolder, writeText } from "../unit/csv/support.js";
import { corpora, filesBelow, fixtures, hasCorpora, jsonLines } from "./corpora.js";
import { readText } from "./csvText.js";

const folder = tempFolder();
afterAll(folder.remove);

/** A case of ours: `X.csv` beside `X.json`, which says how it is read and what must come out. */
interface Fixture {
  readonly options?: Partial<CsvOptions>;
  readonly width?: number;
  readonly names?: readonly string[] | null;
  readonly rows: readonly (readonly string[])[];
  readonly rejects?: readonly unknown[];
}

describe("fixtures", () => {
  test.each(filesBelow(join(fixtures, "csv"), /\.csv$/))("%s", async (name) => {
    const path = join(fixtures, "csv", name);
    const wanted = JSON.parse(readFileSync(path.replace(/\.csv$/, ".json"), "utf8")) as Fixture;
    const found = await readText(path, readFileSync(path), wanted.options ?? {}, wanted.width);
    expect(found.rows).toEqual(wanted.rows);
    expect(found.rejects).toMatchObject(wanted.rejects ?? []);
    expect(found.rejects.length).toBe(wanted.rejects?.length ?? 0);
    if (wanted.names !== undefined) expect(found.names).toEqual(wanted.names);
  });
});

const spectrum = join(corpora, "csv-spectrum/csvs");

describe.skipIf(!hasCorpora)("csv-spectrum", () => {
  // The expected objects of location_coordinates are those of another file.
  const names = filesBelow(spectrum, /^(?!location_coordinates).*\.csv$/);
  test.each(names)("%s", async (name) => {
    const path = join(spectrum, name);
    const wanted = JSON.parse(readFileSync(join(spectrum, "../json", name.replace(".csv", ".json")), "utf8"));
    for (const quotes of ["strict", "lenient"] as const) {
      const { names, rows, rejects } = await readText(path, readFileSync(path), { quotes });
      expect(rejects).toEqual([]);
      expect(rows.map((row) => Object.fromEntries(row.map((value, i) => [names?.[i], value])))).toEqual(wanted);
    }
  });
});

interface PapaConfig {
  readonly [name: string]: unknown;
}

/** The options that say the same; null for what has no counterpart: several characters, other line ends, conversions by other rules. */
function optionsOf(config: PapaConfig): Partial<CsvOptions> | null {
  const { delimiter, quoteChar, escapeChar, comments, header, skipFirstNLines, newline, ...rest } = config;
  const others = Object.keys(rest).filter(
    (name) => !["skipEmptyLines", "fastMode", "worker", "download", "columns"].includes(name),
  );
  if (others.length > 0 || rest.skipEmptyLines === "greedy") return null;
  const characters = [delimiter, quoteChar, escapeChar, ...(comments === true ? [] : [comments])];
  const isPlain = (value: unknown): boolean => value === undefined || (typeof value === "string" && /^[^\n\r]$/.test(value));
  if (!characters.every(isPlain) || quoteChar === "." || (newline !== undefined && !/^\r?\n$|^\r$/.test(String(newline))))
    return null;
  return {
    header: header === true,
    ...(typeof delimiter === "string" ? { delimiter } : {}),
    ...(typeof quoteChar === "string" ? { quote: quoteChar } : {}),
    ...(typeof escapeChar === "string" && escapeChar !== quoteChar ? { escape: escapeChar } : {}),
    ...(comments === undefined ? {} : { comment: comments === true ? "#" : String(comments) }),
    ...(typeof skipFirstNLines === "number" && skipFirstNLines > 0 ? { skipLines: skipFirstNLines } : {}),
  };
}

/** Papa Parse leaves blanks out that stand between a closing quote and the delimiter; here that is text behind a quote. */
const blanksBehindQuotes = /" +[,\r\n]|" +$/;

describe.skipIf(!hasCorpora)("Papa Parse", () => {
  const cases = jsonLines(join(corpora, "papaparse/cases.jsonl")).filter(
    ({ suite, hasFunction, input, expected, disabled }) =>
      ["CORE_PARSER_TESTS", "PARSE_TESTS"].includes(String(suite)) &&
      hasFunction === false &&
      disabled !== true &&
      typeof input === "string" &&
      input !== "" &&
      Array.isArray((expected as { data?: unknown }).data),
  );
  let compared = 0;

  test.each(cases.map((one) => [String(one.description), one] as const))("%s", async (description, one) => {
    const input = String(one.input);
    const options = optionsOf((one.config ?? {}) as PapaConfig);
    const expected = one.expected as { data: unknown[]; meta?: { delimiter?: string; renamedHeaders?: unknown } };
    if (options === null || blanksBehindQuotes.test(input) || expected.meta?.renamedHeaders) return;
    const guessed = /guess|Field1/.test(`${description}${input}`) && options.delimiter === undefined;
    const delimiter = guessed ? (/^one\|/.test(input) ? "|" : /Field1/.test(input) ? ";" : ",") : options.delimiter;
    const dialect: Partial<CsvOptions> = { ...options, quotes: "strict", ...(delimiter === undefined ? {} : { delimiter }) };
    const path = writeText(folder.path, input);
    const { names, rows, rejects } = await readText(path, readFileSync(path), dialect);
    const wanted = expected.data.map((row) => rowOf(row, names));
    const width = names?.length ?? wanted.find((row) => row.length !== 1 || row[0] !== "")?.length ?? 1;
    if (options.header === true && names === null) return expect(wanted).toEqual([]);
    const codes = (one.expected as { errors?: { code: string; row?: number }[] }).errors ?? [];
    const damaged = codes.filter(({ code }) => code === "MissingQuotes" || code === "InvalidQuotes");
    compared++;
    if (damaged.length > 0 || rejects.some(({ code }) => code === "CSV_STRAY_QUOTE" || code === "CSV_STRAY_LINE_END")) {
      // Whatever a damaged record becomes there, strict reading delivers no row that it does not have as well.
      const whole = new Set(wanted.map((row) => JSON.stringify(row)));
      const lines = new Set(input.split(/\r\n|\n|\r/).map((line) => JSON.stringify(line.split(dialect.delimiter ?? ","))));
      for (const row of rows) expect(whole.has(JSON.stringify(row)) || lines.has(JSON.stringify(row))).toBe(true);
      return expect(rejects.length).toBeGreaterThan(0);
    }
    const isBlank = (row: readonly string[]): boolean => row.length === 1 && row[0] === "";
    // A line end at the end of the file begins no record; blank lines are left out of records with several fields.
    const kept = wanted.filter((row, i) =>
      width > 1 ? !isBlank(row) : i < wanted.length - 1 || !isBlank(row) || !/[\r\n]$/.test(input),
    );
    expect(rows).toEqual(kept.filter((row) => row.length === width));
    expect(rejects.length).toBe(kept.filter((row) => row.length !== width).length);
  });

  test("enough of the cases have a counterpart", () => {
    expect(compared).toBeGreaterThan(85);
  });
});

/** A row of the expected data as texts in the order of the columns. */
function rowOf(row: unknown, names: readonly string[] | null): string[] {
  if (Array.isArray(row)) return row.map(String);
  const { __parsed_extra: extra = [], ...cells } = row as { readonly [name: string]: unknown };
  const own = (names ?? Object.keys(cells)).flatMap((name) => (name in cells ? [String(cells[name])] : []));
  return [...own, ...(extra as unknown[]).map(String)];
}

describe.skipIf(!hasCorpora)("frictionless", () => {
  const cases = jsonLines(join(corpora, "frictionless/cases.jsonl")).filter(
    ({ id, source, resourceOptions, schema, checks, checklist, fields }) =>
      /^data\/.*\.csv$/.test(String(source)) &&
      resourceOptions === null &&
      schema === null &&
      checks === null &&
      checklist === null &&
      // These leave errors out on purpose.
      !/pick_errors|limit_errors|bound_checklist/.test(String(id)) &&
      JSON.stringify(fields) === '["rowNumber","fieldNumber","type"]',
  );
  test.each(cases.map((one) => [String(one.id), one] as const))("%s", async (_, one) => {
    const path = join(corpora, "frictionless", String(one.source));
    const bytes = readFileSync(path);
    const errors = one.expected as [number | null, number | null, string][];
    const ragged = new Set(errors.flatMap(([row, , type]) => (/^(missing|extra)-cell$/.test(type) && row !== null ? [row] : [])));
    const { rejects } = await readText(path, bytes, {});
    // No field of these files holds a line end, so that a row's number is that of its line.
    expect(rejects.map(({ line }) => line)).toEqual([...ragged]);
  });
});

describe.skipIf(!hasCorpora)("Commons CSV", () => {
  const base = join(corpora, "commons-csv/org/apache/commons/csv");
  const read = (name: string, options: Partial<CsvOptions>, width?: number) =>
    readText(join(base, name), readFileSync(join(base, name)), { header: false, ...options }, width);

  test.each(filesBelow(base, /test_(default_comment|rfc4180)\.txt$/))("%s", async (name) => {
    const [first = "", , ...lines] = readFileSync(join(base, name), "utf8").split(/\r?\n/);
    const wanted = lines.flatMap((line) => {
      const [, count, cells] = /^([0-9]+):\[(.*)\]$/.exec(line) ?? [];
      return cells === undefined || count === "1" ? [] : [cells.split(", ")];
    });
    const options = first.includes("CommentStart=#") ? { comment: "#" } : {};
    const { rows, rejects } = await read("CSVFileParser/test.csv", options);
    // Blanks behind a closing quote are left out there and are text here.
    const trimmed = (cells: readonly string[]): string[] => cells.map((cell) => cell.trimEnd());
    expect(rows.map(trimmed)).toEqual(wanted.map(trimmed));
    expect(rejects.length).toBe(lines.filter((line) => /^1:\[.+\]$/.test(line)).length);
  });

  test("a byte order mark, emoji, Japanese", async () => {
    const bom = await read("CSVFileParser/bom.csv", { header: true });
    expect(bom.names).toEqual(["Date", " Open", " High", " Low", " Close", " Volume"]);
    expect(bom.rejects).toEqual([]);
    for (const name of ["CSV-196/emoji.csv", "CSV-196/japanese.csv"]) {
      const { rows, rejects } = await read(name, { header: true, quotes: "strict" });
      expect(rejects).toEqual([]);
      const lines = readFileSync(join(base, name), "utf8").trimEnd().split(/\r?\n/).slice(1);
      expect(rows.map((row) => row.join(","))).toEqual(lines);
    }
  });

  test("psql writes a null without quotes and empty text in them", async () => {
    const { rows } = await read("CSV-290/psql.csv", {});
    expect(rows[0]).toEqual(["1", "abc", "test line 1\ntest line 2", "", ""]);
    expect(rows[2]).toEqual(["3", "a", "b,c,d", '"quoted"', "e"]);
    const tab = await read("CSV-290/psql.tsv", { delimiter: "\t", quote: null, nullValues: ["\\N"] });
    expect(tab.rows[0]).toEqual(["1", "abc", "test line 1\\ntest line 2", "", ""]);
  });

  test("quotes that nothing closes cost their lines", async () => {
    const { rows, rejects } = await read("CSV-141/csv-141.csv", { quotes: "strict" });
    expect(rows).toEqual(
      [["1414770317901", "android.widget.EditText", "pass sem1 _84*|*", "0", "pass sem1 _8"]].concat(rows.slice(1)),
    );
    expect(rows.length + rejects.length).toBeGreaterThanOrEqual(3);
  });
});
