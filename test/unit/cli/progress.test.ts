import { describe, expect, it } from "vitest";
import { type ProgressEvent, ProgressLine, progressText } from "../../../src/cli/progress.js";
import { memoryTerminal } from "./terminal.js";

const event: ProgressEvent = {
  kind: "progress",
  rows: 4_200_000,
  bytes: 42,
  totalBytes: 100,
  rate: 5_100_000,
  etaMs: 1_100,
  stage: "scan",
};

/** A line over a clock that the test moves. */
function lineAt(interactive: boolean) {
  const terminal = memoryTerminal({ interactive, columns: 30 });
  const clock = { now: 0 };
  return { terminal, clock, line: new ProgressLine(terminal, () => clock.now) };
}

describe("progress", () => {
  it("says percent, rows, rate, time left and stage", () => {
    expect(progressText(event)).toBe(" 42 %  4.2 M rows  5.1 M rows/s  ETA 1.1 s  scan");
    expect(progressText({ ...event, totalBytes: 0, etaMs: null })).toBe("42 B  4.2 M rows  5.1 M rows/s  scan");
    expect(progressText({ ...event, bytes: 200 })).toContain("100 %");
  });

  it("overwrites one line on a terminal, never wider than it, and takes it away", () => {
    const { terminal, clock, line } = lineAt(true);
    line.show(event);
    line.show(event);
    clock.now = 150;
    line.show(event);
    line.clear();
    const written = `\r${progressText(event).slice(0, 29)}\u001b[K`;
    expect(terminal.errText()).toBe(`${written}${written}\r\u001b[K`);
  });

  it("writes a whole line every few seconds elsewhere, and none for a short run", () => {
    const { terminal, clock, line } = lineAt(false);
    line.show(event);
    clock.now = 4_999;
    line.show(event);
    expect(terminal.errText()).toBe("");
    clock.now = 5_000;
    line.show(event);
    line.clear();
    expect(terminal.errText()).toBe(`${progressText(event)}\n`);
  });
});
