import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DuckDbSession } from "../../../src/duckdb/session.js";

/** More groups than the memory holds. */
const groups = 6_000_000;
const query = `SELECT count(*) AS n, sum(c)::BIGINT AS c, sum(k)::BIGINT AS k
  FROM (SELECT i AS k, count(*) AS c FROM range(${groups}) r(i) GROUP BY i)`;

describe("what a session spills", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "millrace-spill-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const open = (name: string, maxTempBytes: number | null) =>
    DuckDbSession.open({ memoryBytes: 96e6, threads: 2, tempDirectory: join(folder, name), maxTempBytes });

  it("goes to its own folder, which is empty again once it closes", async () => {
    const session = await open("free", null);
    expect(await session.rows(query)).toEqual([
      { n: BigInt(groups), c: BigInt(groups), k: (BigInt(groups) * BigInt(groups - 1)) / 2n },
    ]);
    session.close();
    expect(existsSync(join(folder, "free")) ? readdirSync(join(folder, "free")) : []).toEqual([]);
  });

  it("may not be more than it is given", async () => {
    const session = await open("bound", 4e6);
    await expect(session.rows(query)).rejects.toMatchObject({
      category: "Resource",
      code: "DISK_LIMIT",
      hint: expect.stringContaining("`maxDisk`"),
    });
    session.close();
  });
});
