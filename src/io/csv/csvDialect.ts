import { configError } from "../../common/errors.js";
import type { CsvOptions } from "../../plan/csvSpec.js";
import { encodingNames, encodingOf, type TextEncoding } from "../text/encoding.js";

/** A CSV dialect as bytes; -1 where it has no such character. */
export interface CsvDialect {
  readonly delimiter: number;
  readonly quote: number;
  readonly escape: number;
  readonly comment: number;
  readonly newline: number;
  readonly strict: boolean;
}

const lf = 10;
const cr = 13;
/** With such a quote a value in quotes could be read in two ways: `010` is 1 in quotes and also ten. */
const inValues = /[0-9A-Za-z+\-.: ]/;

/**
 * The bytes of a dialect. Every character is one ASCII character, and no two roles share one (except escape and quote). Quote and
 * escape are no letters, digits, blanks or signs of numbers and dates.
 * @throws MillraceError Config/INVALID_CSV_OPTION
 */
export function csvDialect(options: CsvOptions, newline: number = lf): CsvDialect {
  csvEncoding(options);
  const delimiter = oneByte("delimiter", options.delimiter);
  const quote = options.quote === null ? -1 : oneByte("quote", options.quote);
  const escaping = quote < 0 ? -1 : options.escape === null ? quote : oneByte("escape", options.escape);
  for (const [role, byte] of [
    ["quote", quote],
    ["escape", escaping],
  ] as const) {
    if (byte >= 0 && inValues.test(String.fromCharCode(byte))) {
      throw configError(
        "INVALID_CSV_OPTION",
        `${role}: ${JSON.stringify(String.fromCharCode(byte))} stands in numbers, dates or words`,
        {
          hint: "Quotes and escapes are signs that unquoted values do not hold.",
        },
      );
    }
  }
  const comment = options.comment === null ? -1 : oneByte("comment", options.comment);
  const roles = [delimiter, quote, comment, ...(escaping === quote ? [] : [escaping])].filter((byte) => byte >= 0);
  if (new Set(roles).size !== roles.length) {
    throw configError("INVALID_CSV_OPTION", "delimiter, quote, escape and comment must be different characters");
  }
  return { delimiter, quote, escape: escaping, comment, newline, strict: options.quotes === "strict" };
}

/** @throws MillraceError Config/INVALID_CSV_OPTION with the nearest names */
export function csvEncoding(options: CsvOptions): TextEncoding {
  const encoding = encodingOf(options.encoding);
  if (encoding !== undefined) return encoding;
  const expected = `expected ${encodingNames.map((name) => JSON.stringify(name)).join(", ")}`;
  throw configError("INVALID_CSV_OPTION", `encoding: ${expected}, found ${JSON.stringify(options.encoding)}`, {
    hint: "Convert a file in another encoding first, for example with iconv -t UTF-8.",
  });
}

function oneByte(role: string, text: string): number {
  const code = text.length === 1 ? text.charCodeAt(0) : -1;
  if (code < 0 || code > 127 || code === lf || code === cr) {
    throw configError(
      "INVALID_CSV_OPTION",
      `${role}: expected one ASCII character other than a line end, found ${JSON.stringify(text)}`,
    );
  }
  return code;
}
