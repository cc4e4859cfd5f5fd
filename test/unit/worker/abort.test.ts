import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { planPartitions, resolveSource } from "../../../src/io/sources.js";
import { types } from "../../../src/schema/types.js";
import { protocolVersion, type TaskSpec } from "../../../src/task/protocol.js";
import { RejectLog } from "../../../src/worker/rejects.js";
import { executeTask } from "../../../src/worker/task.js";
import { csvSpec } from "../csv/support.js";
import { openFilesBelow } from "../../support/openFiles.js";

const root = mkdtempSync(join(tmpdir(), "millrace-abort-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it("a task that fails closes all it has open, also where a part of that fails, and tells what it failed of", async () => {
  const path = join(root, "in.csv");
  writeFileSync(path, "id\n1\nmany\n");
  const source = await resolveSource({
    ...csvSpec(path),
    onReject: "fail",
    schema: [{ name: "id", type: types.int32, nullable: true }],
  });
  const [part] = await planPartitions(source, 1 << 20);
  if (part === undefined) throw new Error("no partition");
  const sink = { format: "csv", path: join(root, "out"), mode: "error", partitionBy: [], options: {} } as const;
  const task: TaskSpec = {
    protocol: protocolVersion,
    runId: "r",
    stage: 0,
    stageName: "scan",
    partition: 0,
    attempt: 1,
    scan: { source, schema: source.schema },
    fromSource: true,
    part,
    steps: [{ op: "sink", input: -1, sink, directory: join(root, "fragments") }] as unknown as TaskSpec["steps"],
    rejectFile: join(root, "rejects", "r"),
    options: { interpreted: false, batchRows: 8192, cancel: null },
  };
  const discard = vi.spyOn(RejectLog.prototype, "discard").mockImplementation(() => {
    throw new Error("EIO: i/o error, lstat");
  });
  await expect(executeTask(task)).rejects.toMatchObject({ code: "CAST_FAILED", place: { file: path } });
  expect(discard).toHaveBeenCalledTimes(1);
  expect(openFilesBelow(root)).toEqual([]);
  expect(readdirSync(join(root, "fragments"))).toEqual([]);
});
