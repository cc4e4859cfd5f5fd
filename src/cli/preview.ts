import { Command } from "commander";
import type { CsvInspection, Plan, ReadCsvOptions } from "../index.js";
import { Dataset, dataFiles, Engine, inspectCsv, read } from "../index.js";
import { exitCodes } from "./exitCodes.js";
import { errorDataOf, printError, usageError } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { type EngineFlags, engineOptions, engineSettings, type Parameters, setOption, wholeNumber } from "./options.js";
import { isPlanFile, loadPlanFile } from "./planFile.js";
import { type TableColumn, tableText } from "./table.js";
import type { Terminal } from "./terminal.js";
import { jsonValue, typeText, valueText } from "./values.js";

interface PreviewFlags extends EngineFlags {
  readonly set: Parameters;
  readonly rows: number;
  readonly json?: boolean;
  readonly delimiter?: string;
  readonly quote?: string;
  readonly encoding?: string;
  readonly comment?: string;
  readonly nullValue: readonly string[];
  readonly skipLines?: string;
  /** `--no-header` and `--header`; undefined: to be guessed. */
  readonly header?: boolean;
  readonly quotes?: string;
}

type Collected = Awaited<ReturnType<Engine["collect"]>>;

/** `millrace preview orders.csv`: the detected columns and the first rows of a file, or of what a plan would write. */
export function previewCommand(terminal: Terminal, done: (code: number) => void): Command {
  const command = new Command("preview")
    .description("show the columns and the first rows of data files or of a plan")
    .argument("<path...>", "csv, jsonl, parquet or arrow files, a folder or a pattern of them, or a file that exports a plan")
    .option("--rows <n>", "how many rows", wholeNumber("--rows"), 20)
    .option("--json", "print the schema and the rows as NDJSON on stdout")
    .option("--delimiter <character>", "of a csv file; guessed otherwise, like all that follows")
    .option("--quote <character>", 'of a csv file; "none" when its fields are never quoted')
    .option("--encoding <name>", "utf-8, utf-16le, utf-16be, windows-1252 or latin1")
    .option("--comment <character>", "lines that begin with it are left out")
    .option(
      "--null-value <text>",
      "a text that means null; may be repeated",
      (text, before: readonly string[]) => [...before, text],
      [],
    )
    .option("--skip-lines <n>", "lines before the header")
    .option("--header", "the first record names the columns")
    .option("--no-header", "the first record is data")
    .option("--quotes <rule>", "strict or lenient")
    .addOption(setOption());
  for (const option of engineOptions()) command.addOption(option);
  return command.action(async (paths: readonly string[], flags: PreviewFlags) => done(await preview(terminal, paths, flags)));
}

async function preview(terminal: Terminal, paths: readonly string[], flags: PreviewFlags): Promise<number> {
  const [planFile] = paths.filter(isPlanFile);
  if (planFile !== undefined && paths.length > 1) {
    throw usageError("ONE_PLAN_FILE", `${planFile}: a plan is previewed alone`, "Give one plan file, or files of data.");
  }
  const { inspection, open } = planFile === undefined ? await dataRows(paths, flags) : await planRows(planFile, flags);
  const plan = planFile !== undefined;
  const engine = await Engine.create({ workers: 1, ...engineSettings(flags) });
  const show = async (rows: Limitable) => {
    const table = await engine.collect(rows.limit(flags.rows));
    if (flags.json === true) printJson(terminal, table, inspection);
    else terminal.out(previewText(table));
  };
  try {
    if (inspection !== null && flags.json !== true) terminal.err(inspectionText(inspection));
    await show(open("fail"));
    return exitCodes.ok;
  } catch (thrown) {
    // A file with bad records is what people preview: say what is wrong with the first, and show those that can be read.
    const error = errorDataOf(thrown);
    if (plan || error.category !== "Data") throw thrown;
    printError(terminal, error, false);
    await show(open("skip"));
    terminal.err("Records that cannot be read are left out here.\n");
    return exitCodes.rejects;
  } finally {
    await engine.close();
  }
}

type Collectable = globalThis.Parameters<Engine["collect"]>[0];

interface Limitable {
  limit(rows: number): Collectable;
}

type OnReject = "fail" | "skip";

/** What is previewed: rows that can be opened, and what was guessed of them when they are CSV. */
interface Previewed {
  readonly inspection: CsvInspection | null;
  readonly open: (onReject: OnReject) => Limitable;
}

async function planRows(path: string, flags: PreviewFlags): Promise<Previewed> {
  const rows = previewable(path, await loadPlanFile(path, flags.set));
  return { inspection: null, open: () => rows };
}

/** Several files are one source, as they are in a plan: a shell has put them in place of a pattern. */
async function dataRows(paths: readonly string[], flags: PreviewFlags): Promise<Previewed> {
  const { format, files } = await dataFiles(paths);
  if (format !== "csv") return { inspection: null, open: (onReject) => read[format](paths, { onReject }) };
  const first = files[0] ?? "";
  const given = csvFlags(first, flags);
  const inspection = inspectCsv(first, given);
  return {
    inspection,
    open: (onReject) => read.csv(paths, { ...given, ...inspection.options, ...formatsOf(inspection.columns), onReject }),
  };
}

/** The options of `read.csv` that the command line names; all others are guessed. */
function csvFlags(file: string, flags: PreviewFlags): ReadCsvOptions {
  const { delimiter, quote, encoding, comment, nullValue, skipLines, header, quotes } = flags;
  const isTab = /\.tsv(\.gz)?$/i.test(file);
  return {
    ...(delimiter === undefined ? (isTab ? { delimiter: "\t" } : {}) : { delimiter: delimiter === "\\t" ? "\t" : delimiter }),
    ...(quote === undefined ? {} : { quote: quote === "none" ? null : quote }),
    ...(encoding === undefined ? {} : { encoding }),
    ...(comment === undefined ? {} : { comment }),
    ...(nullValue.length === 0 ? {} : { nullValues: nullValue }),
    ...(skipLines === undefined ? {} : { skipLines: Number(skipLines) }),
    ...(header === undefined ? {} : { header }),
    ...(quotes === undefined ? {} : { quotes: quotes as "strict" | "lenient" }),
  };
}

/** What was guessed, as a program would write it, with how sure each guess is. */
function inspectionText({ options, sure, lineEnd, columns }: CsvInspection): string {
  const percent = (share: number | undefined): string => (share === undefined ? "given" : `${Math.round(share * 100)} % sure`);
  const lines = Object.entries(options).map(([name, value]) => {
    const certainty = name === "skipLines" ? "" : `  // ${percent(sure[name as keyof typeof sure])}`;
    return `  ${name}: ${JSON.stringify(value)},${certainty}`;
  });
  const types = columns.map(({ name, type, dateFormat, ambiguousDate }) => {
    const found = dateFormat === null || ambiguousDate ? type : isTime(dateFormat) ? "timestamp" : "date";
    const doubt = ambiguousDate ? `  // dates: ${JSON.stringify(dateFormat)}, or month before day` : "";
    return `    ${JSON.stringify(name)}: ${JSON.stringify(found)},${doubt}`;
  });
  const formats = Object.entries(formatsOf(columns)).map(([option, named]) => `  ${option}: ${JSON.stringify(named)},`);
  return `read.csv(path, {  // lines end with ${lineEnd}\n${[...lines, ...formats].join("\n")}\n  schema: {\n${types.join("\n")}\n  },\n})\n`;
}

const isTime = (format: string): boolean => format.includes("%H");

/** The formats of columns whose dates can be read in one way only, as options of `read.csv`. */
function formatsOf(columns: CsvInspection["columns"]): Pick<ReadCsvOptions, "dateFormat" | "timestampFormat"> {
  const named = (times: boolean): { readonly [column: string]: string } =>
    Object.fromEntries(
      columns.flatMap(({ name, dateFormat, ambiguousDate }) =>
        dateFormat !== null && !ambiguousDate && isTime(dateFormat) === times ? [[name, dateFormat]] : [],
      ),
    );
  const [dateFormat, timestampFormat] = [named(false), named(true)];
  return {
    ...(Object.keys(dateFormat).length === 0 ? {} : { dateFormat }),
    ...(Object.keys(timestampFormat).length === 0 ? {} : { timestampFormat }),
  };
}

/** The rows of a plan file: a dataset as it is, or what goes into the first sink of a plan. */
function previewable(path: string, exported: unknown): Limitable {
  if (exported instanceof Dataset) return exported;
  const { outputs, data } = exported as Partial<Plan>;
  const first = outputs?.[0];
  if (first?.kind === "sink" && data !== undefined) return new Dataset(first.input, data);
  throw usageError(
    "PLAN_NOT_PREVIEWABLE",
    `${path}: expected a dataset or a plan that ends in a sink`,
    "A plan is made by dataset.write.parquet(path) or plan.all(…).",
  );
}

/** The first rows as a table with the type under each name. */
function previewText(table: Collected): string {
  const fields = table.schema.fields;
  const columns: TableColumn[] = fields.map((field) => {
    const type = typeText(field.type);
    return { title: field.name, subtitle: type, align: /^(u?int|float|decimal)/.test(type) ? "right" : "left" };
  });
  const types = columns.map((column) => column.subtitle ?? "");
  const rows: string[][] = [];
  for (let row = 0; row < table.numRows; row++) {
    rows.push(types.map((type, i) => valueText(table.getChildAt(i)?.get(row), type)));
  }
  return tableText(columns, rows);
}

function printJson(terminal: Terminal, table: Collected, inspection: CsvInspection | null): void {
  const fields = table.schema.fields.map((field) => ({ name: field.name, type: typeText(field.type), nullable: field.nullable }));
  terminal.out(jsonLine({ kind: "schema", fields }));
  if (inspection !== null) terminal.out(jsonLine({ kind: "dialect", ...inspection }));
  for (let row = 0; row < table.numRows; row++) {
    const values = fields.map((field, i) => [field.name, jsonValue(table.getChildAt(i)?.get(row), field.type)]);
    terminal.out(jsonLine({ kind: "row", values: Object.fromEntries(values) }));
  }
}
