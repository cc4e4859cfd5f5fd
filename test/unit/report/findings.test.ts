import { describe, expect, it } from "vitest";
import { buildReport } from "../../../src/report/report.js";
import { run, stage, task, wholeRun } from "./sample.js";

const codes = (metrics: Parameters<typeof buildReport>[0]) => buildReport(metrics).findings.map(({ code }) => code);

describe("what a person should know", () => {
  it("says that the machine was busy where computing got little CPU time", () => {
    // Its tasks compute for 30 s in all.
    expect(codes(wholeRun({ cpuMs: 22_400 }))).toContain("starved");
    expect(codes(wholeRun({ cpuMs: 22_600 }))).not.toContain("starved");
    const found = buildReport(wholeRun({ cpuMs: 14_000 })).findings.find(({ code }) => code === "starved");
    expect(found).toMatchObject({
      level: "note",
      text: expect.stringMatching(/computed for 30\.0 s and got 14\.0 s of CPU time/),
    });
  });

  it("does not say so of short runs, nor of those that took over what others had computed", () => {
    const resume = { earlierProcesses: 1, reusedTasks: 5, reusedStages: 0, redone: [] };
    expect(codes(wholeRun({ cpuMs: 1000, resume }))).not.toContain("starved");
    const short = run({ stages: [stage(0, { tasks: [task(0, { computeMs: 900 })] })], cpuMs: 100 });
    expect(codes(short)).not.toContain("starved");
  });
});
