import type { CsvOptions } from "../../src/plan/csvSpec.js";
import { type DataType, types } from "../../src/schema/types.js";
import { csvDefaults } from "../unit/csv/support.js";
import type { Random } from "./random.js";

/** One random file and all that decides how it is read. */
export interface CsvCase {
  /** One character a byte (latin1). */
  readonly file: string;
  readonly options: CsvOptions;
  /** Columns of a file without a header, and their types; the types go around when there are more fields. */
  readonly types: readonly [DataType, ...DataType[]];
  /** Which columns are asked for, in this order. */
  readonly wanted: readonly number[];
  readonly blockBytes: number;
  readonly batchRows: number;
  /** Partition borders as shares of the file. */
  readonly cuts: readonly number[];
  /** Whether reads give fewer bytes than asked for. */
  readonly shortReads: boolean;
}

const columnTypes: readonly [DataType, ...DataType[]] = [
  types.utf8,
  types.utf8,
  types.utf8,
  types.utf8,
  types.binary,
  types.int32,
  types.int64,
  types.float64,
  types.bool,
  types.date,
  types.decimal(6, 2),
  types.decimal(30, 3),
];

function randomOptions(random: Random): CsvOptions {
  const delimiter = random.pick([",", ",", ",", ";", "\t", "|", " ", ":", "\0", "a", "0"]);
  const quote = random.pick(['"', '"', '"', '"', "'", "`", "~", null]);
  const escaping = quote === null ? null : random.pick([null, null, null, "\\", "^"]);
  const comment = random.pick([null, null, null, "#", "%", "b"]);
  return {
    ...csvDefaults,
    delimiter,
    quote,
    escape: escaping,
    comment,
    header: random.chance(0.3),
    skipLines: random.chance(0.15) ? random.below(3) : 0,
    nullValues: random.chance(0.3) ? random.pick([["NA"], ["-", "NA"], ["1"], ["", "x"], ["é"], ["ab"]]) : [],
    quotes: random.pick(["lenient", "strict"]),
    columns: "byPosition",
    ...(random.chance(0.15) ? { trailingDelimiter: true as const } : {}),
    ...(random.chance(0.3) ? { dateFormat: "%d/%m/%Y" } : {}),
  };
}

const values = [
  "a",
  "b",
  "1",
  "0",
  "-",
  "-1",
  "1.5",
  "2024-02-29",
  "29/02/2024",
  "1/3/2023",
  "30/02/2024",
  "true",
  "NA",
  "x",
  " ",
  "\\",
  "e",
  "\0",
  "é",
  "7e1",
  "12345678901",
];
const brokenUtf8 = ["\xff", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\xc3\xa9", "\xc0\xaf"];

/** Mostly structure, so that every rule is met often; sometimes any bytes. */
function randomFile(random: Random, options: CsvOptions): string {
  const { delimiter, quote, comment } = options;
  const escaping = options.escape ?? quote;
  const lineEnds = random.pick([["\n"], ["\n"], ["\r\n"], ["\r\n", "\n"], ["\r"], ["\n", "\r", "\r\n", "\n\n"]]);
  const wildness = random.pick([0, 0.02, 0.3]);
  const bytesShare = random.pick([0, 0, 0.05, 0.4]);
  let out = random.chance(0.1) ? "\xef\xbb\xbf" : "";
  for (let left = random.below(random.pick([4, 30, 30, 90])); left > 0; left--) {
    const kind = random.below(16);
    if (random.chance(bytesShare)) {
      out += random.chance(0.5) ? random.pick(["\xff", ...brokenUtf8]) : String.fromCharCode(random.below(256));
    } else if (kind < 5) out += delimiter;
    else if (kind < 8) out += lineEnds[random.below(lineEnds.length)] ?? "\n";
    else if (kind < 10 && quote !== null) {
      if (random.chance(wildness)) out += quote;
      else out += `${quote}${randomQuoted(random, quote, escaping ?? quote, delimiter)}${quote}`;
    } else if (kind === 10 && comment !== null) out += comment;
    else if (kind === 11 && random.chance(wildness)) out += escaping ?? "\r";
    else out += Buffer.from(random.pick(["a", ...values]), "utf8").toString("latin1");
  }
  if (random.chance(0.6)) out += lineEnds[0] ?? "\n";
  return out;
}

/** Moves what follows to where the scanner's words of 64 bytes meet. */
const filler = (random: Random): string =>
  random.chance(0.3) ? "y".repeat(40 + random.below(30)) + random.pick(["", "\n", ","]) : "";

/** Mostly good records, longer ones among them; now and then a byte is changed. */
function tidyFile(random: Random, options: CsvOptions, columns: number): string {
  const { delimiter, quote } = options;
  const escaping = options.escape ?? quote ?? "";
  const lineEnd = random.pick(["\n", "\n", "\r\n", "\r"]);
  const long = random.pick([4, 4, 70, 200]);
  const field = (): string => {
    const kind = random.below(6);
    if (kind === 0) return "";
    if (kind === 1 && quote !== null) return `${quote}${randomQuoted(random, quote, escaping, delimiter)}${quote}`;
    if (kind === 2) return "xyz\xc3\xa9".repeat(random.below(long)).slice(0, -1);
    return Buffer.from(random.pick(["a", ...values]), "utf8").toString("latin1");
  };
  let out = "";
  for (let rows = random.below(12); rows > 0; rows--) {
    const count = random.chance(0.05) ? random.below(columns + 3) : columns;
    const tail = options.trailingDelimiter === true && random.chance(0.9) ? delimiter : "";
    out += Array.from({ length: count }, field).join(delimiter) + tail + lineEnd;
  }
  if (random.chance(0.2)) out = out.slice(0, random.below(out.length + 1));
  if (random.chance(0.8) || out === "") return out;
  const at = random.below(out.length);
  return out.slice(0, at) + random.pick([delimiter, quote ?? "\r", escaping, "\n", "\xff"]) + out.slice(at + 1);
}

function randomQuoted(random: Random, quote: string, escaping: string, delimiter: string): string {
  let out = "";
  for (let left = random.below(5); left > 0; left--) {
    out += random.pick([
      delimiter,
      "\n",
      "\r\n",
      escaping + quote,
      escaping === quote ? "x" : escaping + escaping,
      "y",
      "1",
      escaping === quote ? "" : `${escaping}z`,
    ]);
  }
  return out;
}

export function randomCase(random: Random): CsvCase {
  const options = randomOptions(random);
  const columns = 1 + random.below(random.pick([1, 3, 5]));
  return {
    file: filler(random) + (random.chance(0.5) ? randomFile(random, options) : tidyFile(random, options, columns)),
    options,
    types: [columnTypes[0], ...Array.from({ length: columns - 1 }, () => random.pick(columnTypes))],
    wanted: Array.from({ length: columns }, (_, i) => i).filter(() => random.chance(0.8)),
    blockBytes: random.pick([2, 3, 5, 17, 63, 64, 65, 100, 200, 1000]),
    batchRows: random.pick([1, 2, 3, 7, 100]),
    cuts: random.chance(0.5) ? [] : Array.from({ length: 1 + random.below(4) }, () => random.below(1000) / 1000),
    shortReads: random.chance(0.2),
  };
}
