import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { watchSpill } from "../../../src/engine/stages/spillWatch.js";

it("tells the most bytes that the folder held, also where there is none", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-spill-"));
  try {
    const spill = join(folder, "duckdb");
    expect(watchSpill(spill)()).toBe(0);
    const done = watchSpill(spill);
    mkdirSync(spill);
    writeFileSync(join(spill, "a"), Buffer.alloc(1000));
    writeFileSync(join(spill, "b"), Buffer.alloc(234));
    expect(done()).toBe(1234);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
