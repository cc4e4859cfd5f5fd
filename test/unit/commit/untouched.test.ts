import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { assemble, discard, prepareTarget } from "../../../src/io/commit/commit.js";
import { nodeFileSystem } from "../../../src/io/fileSystem.js";
import { openWriter } from "../../../src/io/sink/sinks.js";
import { batchFromRows } from "../../../src/kernels/rows.js";
import type { SinkSpec } from "../../../src/plan/nodes.js";
import { type Schema, types } from "../../../src/schema/types.js";
import type { FileWritten } from "../../../src/task/protocol.js";

const root = mkdtempSync(join(tmpdir(), "untouched-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const schema: Schema = [{ name: "id", type: types.int64, nullable: false }];
let places = 0;

async function twoFragments(format: "parquet" | "csv" | "jsonl") {
  const sink: SinkSpec = { format, path: join(root, `out${places++}`), mode: "overwrite", partitionBy: [], options: {} };
  const target = await prepareTarget(sink, "r1");
  const fragments: FileWritten[] = [];
  for (const task of [0, 1]) {
    const directory = join(target.fragments, `p${task}`);
    mkdirSync(directory, { recursive: true });
    const writer = openWriter(sink, schema, directory, task);
    const rows = Array.from({ length: 100 }, (_, i) => ({ id: BigInt(task * 1000 + i) }));
    await writer.write(batchFromRows(rows, schema, "rows"));
    fragments.push(...(await writer.finish()));
  }
  return { target, fragments };
}

/** Times of files go on in steps of some milliseconds; a change within one is not meant to be seen. */
const nextTick = () => new Promise((wake) => setTimeout(wake, 50));

function withOtherByte(path: string): Buffer {
  const bytes = readFileSync(path);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  return bytes;
}

const changes: Readonly<Record<string, (path: string) => void>> = {
  "written to": (path) => writeFileSync(path, withOtherByte(path)),
  "written to, with the time of its last change set back": (path) => {
    const { atime, mtime } = statSync(path);
    writeFileSync(path, withOtherByte(path));
    utimesSync(path, atime, mtime);
  },
  "replaced by another of its size": (path) => {
    writeFileSync(`${path}.other`, withOtherByte(path));
    renameSync(`${path}.other`, path);
  },
};

describe("a fragment that its task has finished", () => {
  for (const format of ["parquet", "csv", "jsonl"] as const) {
    it.each(Object.keys(changes))(`${format}: is not put into the output when it was %s`, async (change) => {
      const { target, fragments } = await twoFragments(format);
      const path = fragments[1]?.path ?? "";
      await nextTick();
      changes[change]?.(path);
      await expect(assemble(target, schema, fragments)).rejects.toMatchObject({
        code: "FRAGMENT_DAMAGED",
        place: { file: path },
      });
      await discard(target);
    });
  }

  it("is read without a checksum while it has its stamp, and with one when it has not", async () => {
    const from = join(root, "from");
    const bytes = Buffer.from("0123456789");
    writeFileSync(from, bytes);
    const source = openSync(from, "r");
    const stamp = nodeFileSystem.stamp(source);
    closeSync(source);
    const copy = async (given: string | null) => {
      const to = nodeFileSystem.open(join(root, "to"), "create");
      const crc = await nodeFileSystem.copy(from, 2, 8, to, 0, given);
      nodeFileSystem.close(to);
      expect(readFileSync(join(root, "to"), "latin1")).toBe("234567");
      return crc;
    };
    expect(await copy(stamp)).toBeNull();
    expect(await copy(null)).toBe(crc32("234567"));
    await nextTick();
    writeFileSync(from, bytes);
    expect(await copy(stamp)).toBe(crc32("234567"));
  });
});
