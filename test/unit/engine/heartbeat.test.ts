import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { RunContext } from "../../../src/engine/context.js";
import { beat } from "../../../src/engine/observe/heartbeat.js";

it("a sign of life that cannot be removed does not hide how the run ended", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-beat-"));
  const file = join(folder, "file");
  writeFileSync(file, "");
  // Below a file there is nothing to look for, which is no ENOENT.
  const path = join(file, "heartbeat.json.new");
  expect(() => rmSync(path, { force: true })).toThrow("ENOTDIR");
  const stop = beat({ folder: file, runId: "r", emit: () => undefined } as unknown as RunContext);
  expect(stop).not.toThrow();
  rmSync(folder, { recursive: true });
});
