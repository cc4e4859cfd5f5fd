import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { engineSettings, runningOptions } from "../../../src/cli/options.js";

function settings(...args: string[]) {
  const command = new Command().exitOverride();
  for (const option of runningOptions()) command.addOption(option);
  return engineSettings(command.parse(args, { from: "user" }).opts());
}

describe("options of a run", () => {
  it("say nothing where nothing was given", () => expect(settings()).toEqual({}));

  it("go to the engine under its names", () => {
    const given = ["--memory", "1GB", "--workers", "2", "--state-dir", "s", "--max-disk", "20GB", "--retries", "0"];
    expect(settings(...given, "--retry-limit", "5", "--task-timeout", "90s", "--no-speculation")).toEqual({
      memory: "1GB",
      workers: 2,
      stateDir: "s",
      maxDisk: "20GB",
      retry: { retries: 0, perRun: 5 },
      taskTimeout: "90s",
      speculation: false,
    });
  });

  it.each([
    ["--retries", "-1"],
    ["--retry-limit", "many"],
    ["--task-timeout", "soon"],
    ["--max-disk", "a lot"],
    ["--workers", "0"],
  ])("%s %s is refused by its name", (flag, value) => expect(() => settings(`${flag}=${value}`)).toThrow(flag));
});
