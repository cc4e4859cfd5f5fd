import { describe, expect, it } from "vitest";
import { exitCodeOfError, exitCodeOfStatus, signalExitCode } from "../../../src/cli/exitCodes.js";
import { errorDataOf, placeText, printable, printError } from "../../../src/cli/failure.js";
import { jsonLine } from "../../../src/cli/jsonLines.js";
import { bytesText, countText, durationText } from "../../../src/cli/numbers.js";
import { tableText } from "../../../src/cli/table.js";
import { jsonValue, typeText, valueText } from "../../../src/cli/values.js";
import { dataError } from "../../../src/common/errors.js";
import { memoryTerminal } from "./terminal.js";

describe("errors for people", () => {
  const error = dataError("CSV_BAD_VALUE", "expected int32, found x3", {
    file: "a.csv",
    line: 17,
    byte: 1042,
    column: "quantity",
    hint: "Declare the column as utf8.",
  }).toData();

  it("shows code, message, place and hint, and no stack", () => {
    const terminal = memoryTerminal();
    printError(terminal, error, false);
    expect(terminal.errText()).toBe(
      'CSV_BAD_VALUE: expected int32, found x3\n  at a.csv:17, byte 1042, column "quantity"\n  hint: Declare the column as utf8.\n',
    );
    expect(terminal.outText()).toBe("");
  });

  it("shows the stack with --debug only", () => {
    const terminal = memoryTerminal();
    printError(terminal, error, true);
    expect(terminal.errText()).toContain("words.test");
  });

  it("makes control characters from data visible, so that they cannot steer the terminal", () => {
    expect(printable("a\u001b[2Jb\u202ec\rd")).toBe("a\\u{1b}[2Jb\\u{202e}c\\u{d}d");
  });

  it("takes what is not an error of ours as internal", () => {
    expect(errorDataOf("text")).toMatchObject({ code: "INTERNAL", category: "Internal", message: "text" });
    expect(placeText({ code: "X", category: "Data", message: "" })).toBe("");
  });
});

describe("exit codes", () => {
  it("follow the outcome", () => {
    expect(["success", "partial", "failed"].map(exitCodeOfStatus)).toEqual([0, 3, 1]);
    expect([signalExitCode("SIGINT"), signalExitCode("SIGTERM")]).toEqual([130, 143]);
    const code = (category: "Plan" | "Data" | "Config" | "Resource" | "Internal", name = "X") =>
      exitCodeOfError({ code: name, category, message: "" });
    expect([code("Plan"), code("Config"), code("Data"), code("Resource"), code("Internal")]).toEqual([2, 2, 1, 1, 1]);
    expect([code("Data", "CHECK_FAILED"), code("Resource", "DEADLINE_EXCEEDED")]).toEqual([4, 5]);
  });
});

describe("figures", () => {
  it("are short and have their unit", () => {
    expect([0, 999, 1_000, 12_345_678, 5e13].map(bytesText)).toEqual(["0 B", "999 B", "1.0 KB", "12 MB", "50 TB"]);
    expect([7, 9_999, 12_345, 1_234_567, 2.5e9].map(countText)).toEqual(["7", "9999", "12.3 k", "1.2 M", "2.50 G"]);
    expect([950, 4_200, 200_000, 7_500_000].map(durationText)).toEqual(["950 ms", "4.2 s", "3 min 20 s", "2 h 05 min"]);
  });
});

describe("tables", () => {
  it("align, cut long values and keep one row on one line", () => {
    const columns = [
      { title: "id", subtitle: "int32", align: "right" },
      { title: "name", subtitle: "utf8", align: "left" },
    ] as const;
    const text = tableText(columns, [
      ["1", "two\nlines"],
      ["1000", "x".repeat(50)],
    ]);
    expect(text.split("\n")).toEqual([
      "   id  name",
      "int32  utf8",
      `─────  ${"─".repeat(40)}`,
      "    1  two\\nlines",
      ` 1000  ${"x".repeat(39)}…`,
      "",
    ]);
  });

  it("show values by type, exactly", () => {
    expect(typeText("Timestamp<MICROSECOND>")).toBe("timestamp");
    expect(typeText("Dictionary<Int32, Utf8>")).toBe("utf8");
    expect(typeText("Decimal[10e+2]")).toBe("decimal(10,2)");
    expect(typeText("Uint64")).toBe("uint64");
    expect(valueText(null, "utf8")).toBe("∅");
    expect(valueText(2n ** 62n, "int64")).toBe("4611686018427387904");
    expect(jsonValue(Date.UTC(2024, 1, 29), "date")).toBe("2024-02-29");
    expect(jsonValue(Date.UTC(2024, 1, 29, 23, 59, 59), "timestamp")).toBe("2024-02-29 23:59:59");
    expect(jsonValue(-1n, "timestamp")).toBe("1969-12-31 23:59:59.999999");
    expect(jsonValue(new Uint32Array([0xfffffff3, 0xffffffff, 0xffffffff, 0xffffffff]), "decimal(10,2)")).toBe("-0.13");
    expect(jsonValue(Number.NaN, "float64")).toBe("NaN");
    expect(jsonValue(new Uint8Array([1, 255]), "binary")).toBe("01ff");
  });
});

describe("NDJSON", () => {
  it("carries its version, one line each, 64-bit integers as text", () => {
    expect(jsonLine({ kind: "x", rows: 2n ** 60n, text: "a\nb" })).toBe(
      '{"schemaVersion":1,"kind":"x","rows":"1152921504606846976","text":"a\\nb"}\n',
    );
  });
});
