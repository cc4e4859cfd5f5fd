import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { assemble, completePublish, discard, prepareTarget, publish, runFoldersAt } from "../../../src/io/commit/commit.js";
import { externalError } from "../../../src/common/errors.js";
import { type FileSystem, nodeFileSystem } from "../../../src/io/fileSystem.js";
import type { SinkSpec } from "../../../src/plan/nodes.js";
import { type Schema, types } from "../../../src/schema/types.js";

const root = mkdtempSync(join(tmpdir(), "owner-"));
afterAll(() => rmSync(root, { recursive: true }));

const schema: Schema = [{ name: "id", type: types.int64, nullable: false }];
const sink = (): SinkSpec => ({
  format: "csv",
  path: join(mkdtempSync(join(root, "t-")), "out"),
  mode: "error",
  partitionBy: [],
  options: {},
});

it("the disk has the owner of a staging folder before anything counts as staged", async () => {
  const synced: string[] = [];
  const names = new Map<number, string>();
  const files: FileSystem = {
    ...nodeFileSystem,
    open: (file, how) => {
      const fd = nodeFileSystem.open(file, how);
      names.set(fd, file);
      return fd;
    },
    startSync: async (fd) => {
      await nodeFileSystem.startSync(fd);
      synced.push(names.get(fd) ?? "");
    },
    syncFolders: async (folders) => {
      const list = [...folders];
      await nodeFileSystem.syncFolders(list);
      synced.push(...list);
    },
  };
  const target = await prepareTarget(sink(), "run-1", files, join(root, "runs", "run-1"));
  const staged = await assemble(target, schema, [], files);
  expect(synced.slice(0, 2)).toEqual([join(target.staging, "owner.json"), target.staging]);
  await publish(target, staged, { files });
});

it("an owner that the disk does not take fails the run before it publishes", async () => {
  const failing: FileSystem = {
    ...nodeFileSystem,
    startSync: () => Promise.reject(Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" })),
  };
  const target = await prepareTarget(sink(), "run-1", failing);
  await expect(assemble(target, schema, [])).rejects.toMatchObject({
    code: "FILE_IO",
    place: { file: join(target.staging, "owner.json") },
  });
  await discard(target);
  expect(nodeFileSystem.stat(target.staging)).toBeNull();
});

it("a process that ends while it completes a publish leaves the way to the run", async () => {
  const spec = sink();
  const runFolder = join(root, "runs", "run-2");
  const target = await prepareTarget(spec, "run-2", nodeFileSystem, runFolder);
  const staged = await assemble(target, schema, []);
  const ending: FileSystem = {
    ...nodeFileSystem,
    rename: (from, to) => {
      if (to.endsWith("intent.json")) throw externalError("FILE_IO", "the process ends here");
      nodeFileSystem.rename(from, to);
    },
  };
  await expect(completePublish(target, staged, { files: ending })).rejects.toMatchObject({ code: "FILE_IO" });
  expect(runFoldersAt(nodeFileSystem, spec.path)).toEqual([runFolder]);
  await completePublish(target, staged);
  expect(nodeFileSystem.stat(target.staging)).toBeNull();
  expect(nodeFileSystem.stat(join(spec.path, staged.files[0]?.path ?? ""))).not.toBeNull();
});
