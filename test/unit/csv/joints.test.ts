import { expect, test } from "vitest";
import { CsvJoints } from "../../../src/io/csv/csvJoints.js";

const dialect = { delimiter: 44, quote: 34, escape: 34, comment: -1, newline: 10, strict: true };

test("a line is the header again only where its text is", () => {
  const found = (header: string, text: string) => new CsvJoints(Buffer.from(header), 2, dialect).find(Buffer.from(text));
  expect(found("a,b", "1,2\na,b\na,b\r\na,b\r\r\na,bc\n").map(({ at }) => at)).toEqual([4, 8]);
  // The carriage return before a line feed belongs to the line's end, also where the header's text ends in one.
  expect(found("a,b\r", "a,b\r\n1,2\na,b\r\na,b\r\r\n").map(({ at }) => at)).toEqual([14]);
  expect(found("\r", "\r\n1,2\n\r\n")).toEqual([]);
});
