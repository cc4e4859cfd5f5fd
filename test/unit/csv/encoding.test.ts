import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { Transcoder, type TextEncoding } from "../../../src/io/text/encoding.js";
import { planCsv } from "../../../src/io/csv/csvSource.js";
import type { CsvOptions } from "../../../src/plan/csvSpec.js";
import { readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const utf16be = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();

/** Reads a file's bytes in small blocks and checks that each reject names the bytes that it holds. */
async function read(bytes: Buffer, options: Partial<CsvOptions>, blockBytes = 7, name?: string) {
  const path = writeText(folder.path, name === undefined ? bytes : gzipSync(bytes), name);
  const source = resolveOne(path, options);
  const result = await readAll(source, { blockBytes });
  for (const { byte, length, raw } of result.rejects) {
    expect(raw).toBe(bytes.subarray(byte ?? -1, (byte ?? -1) + (length ?? -1)).toString("latin1"));
  }
  return { ...result, names: source.schema.map((field) => field.name), parts: planCsv(source, 4).length };
}

const text = 'näme,€uro\r\n"a\r\nb",1\r\nÿ,2,3\r\nz,4\r\n';
const narrow = 'näme,€uro\n"a\nb",1\nÿ,2,3\nz,4\n';

describe("encodings", () => {
  const expected = {
    names: ["näme", "€uro"],
    rows: [
      ["a\r\nb", 1n],
      ["z", 4n],
    ],
    parts: 1,
  };

  test.each([
    ["utf-16le", Buffer.from(text, "utf16le"), 2],
    ["utf-16be", utf16be(text), 2],
    ["UTF-16", Buffer.from(`\ufeff${text}`, "utf16le"), 2],
    ["utf-16", utf16be(`\ufeff${text}`), 2],
    ["utf-8", Buffer.from(`\ufeff${text}`, "utf16le"), 2],
    ["utf-8", utf16be(`\ufeff${text}`), 2],
  ])("%s, with the place of a reject in the file's own bytes", async (encoding, bytes, unit) => {
    for (const blockBytes of [2, 3, 7, 64, 1000]) {
      const found = await read(bytes, { encoding }, blockBytes);
      expect({ names: found.names, rows: found.rows, parts: found.parts }).toEqual(expected);
      const before = text.indexOf("ÿ") + (bytes.length / unit - text.length);
      expect(found.rejects).toMatchObject([{ code: "CSV_TOO_MANY_FIELDS", line: 4, byte: before * unit, length: 5 * unit }]);
      expect(found.results).toMatchObject([{ rows: 3, rejected: 1, start: 0, end: bytes.length, bytes: bytes.length }]);
    }
  });

  test("windows-1252 and latin1 differ where they do", async () => {
    const bytes = Buffer.from([0x61, 0xe4, 0x2c, 0x80, 0x0a, 0x81, 0x2c, 0x31, 0x0a, 0xff, 0x0a, 0x9f, 0x2c, 0x32, 0x0a]);
    const windows = await read(bytes, { encoding: "windows-1252" });
    expect(windows.names).toEqual(["aä", "€"]);
    expect(windows.rows).toEqual([
      ["\x81", 1n],
      ["Ÿ", 2n],
    ]);
    expect(windows.rejects).toMatchObject([{ line: 3, byte: 9, length: 1, raw: "\xff" }]);
    const latin = await read(bytes, { encoding: "latin1" });
    expect(latin.names).toEqual(["aä", "\x80"]);
    expect(latin.rows).toEqual([
      ["\x81", 1n],
      ["\x9f", 2n],
    ]);
  });

  test("a compressed file in another encoding counts decompressed bytes of that encoding", async () => {
    const found = await read(Buffer.from(text, "utf16le"), { encoding: "utf-16le" }, 16, "packed.csv.gz");
    expect(found.rows).toEqual(expected.rows);
    expect(found.rejects).toMatchObject([{ line: 4, byte: text.indexOf("ÿ") * 2, length: 10 }]);
  });

  test("half a character is a reject with its own bytes", async () => {
    const lone = await read(Buffer.from("a\nx\ud800y\nb\n", "utf16le"), { encoding: "utf-16le" });
    expect(lone.rows).toEqual([["b"]]);
    expect(lone.rejects).toMatchObject([{ code: "INVALID_UTF8", line: 2, byte: 4, length: 6 }]);
    const odd = await read(Buffer.concat([Buffer.from("a\nb\n", "utf16le"), Buffer.from("c")]), { encoding: "utf-16le" });
    expect(odd.rows).toEqual([["b"]]);
    expect(odd.rejects).toMatchObject([{ code: "INVALID_UTF8", line: 3, byte: 8, length: 1, raw: "c" }]);
  });

  test("a file in one byte a character reads like the same text in UTF-8", async () => {
    const latin = await read(Buffer.from(narrow.replace("€", "E"), "latin1"), { encoding: "latin1" });
    const utf8 = await read(Buffer.from(narrow.replace("€", "E"), "utf8"), {});
    expect(latin.rows).toEqual(utf8.rows);
    expect(latin.rejects.map(({ line }) => line)).toEqual(utf8.rejects.map(({ line }) => line));
  });
});

test("windows-1252 is the table of the Encoding Standard", () => {
  // Places 80 to 9f; the dots are the five that stand for control characters.
  const table = "€.‚ƒ„…†‡ˆ‰Š‹Œ.Ž..‘’“”•–—˜™š›œ.žŸ";
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const expected = Array.from(bytes, (byte) => {
    const sign = byte >= 0x80 && byte < 0xa0 ? table[byte - 0x80] : ".";
    return sign === undefined || sign === "." ? String.fromCharCode(byte) : sign;
  });
  const transcoder = new Transcoder("windows1252");
  const out = new Uint8Array(transcoder.room(bytes.length));
  const utf8 = out.subarray(0, transcoder.decode(bytes, out, true));
  expect(Buffer.from(utf8).toString("utf8")).toBe(expected.join(""));
  expect(Buffer.from(transcoder.encode(utf8)).equals(bytes)).toBe(true);
  expect(transcoder.lengthOf(utf8, 0, utf8.length)).toBe(256);
});

test.each(["utf-16le", "utf-16be"])("every character of %s is that of the platform's decoder", (label) => {
  const encoding: Exclude<TextEncoding, "utf8"> = label === "utf-16le" ? "utf16le" : "utf16be";
  const low = label === "utf-16le" ? 0 : 1;
  const bytes = Buffer.from(Array.from({ length: 0xd800 * 2 }, (_, i) => ((i & 1) === low ? (i >> 1) & 255 : i >> 9)));
  const transcoder = new Transcoder(encoding);
  const out = new Uint8Array(transcoder.room(bytes.length));
  const utf8 = out.subarray(0, transcoder.decode(bytes, out, true));
  expect(Buffer.from(utf8).equals(Buffer.from(new TextDecoder(label, { ignoreBOM: true }).decode(bytes), "utf8"))).toBe(true);
  expect(Buffer.from(transcoder.encode(utf8)).equals(bytes)).toBe(true);
  expect(transcoder.lengthOf(utf8, 0, utf8.length)).toBe(bytes.length);
});
