import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { JournalWriter, readJournalFile } from "../../../src/engine/journal/journalFile.js";
import { type FileSystem, nodeFileSystem } from "../../../src/io/fileSystem.js";

const records = [
  { kind: "run", runId: "20260101T000000-00000000", bytes: 2 ** 40, ratio: 0.1 },
  { kind: "task", files: [{ path: "a/b", rows: 3, checksum: "00ff00ff" }], text: "ü🌊\0", missing: null },
  [],
  { kind: "finished", nested: { deep: [1, [2, [3]]] }, negative: -1 },
];

let folder = "";
let path = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-journal-"));
  path = join(folder, "journal");
  const writer = JournalWriter.create(nodeFileSystem, path);
  for (const record of records) writer.append(record);
  writer.sync();
  writer.close();
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (): readonly unknown[] => readJournalFile(nodeFileSystem, path)?.records ?? [];

describe("the journal's file", () => {
  it("gives the records back", () => {
    expect(read()).toEqual(records);
    expect(readJournalFile(nodeFileSystem, join(folder, "none"))).toBeNull();
  });

  it("cut at any byte, gives the records that are whole, and goes on after them", () => {
    const whole = readFileSync(path);
    let last = records.length;
    for (let bytes = whole.length - 1; bytes >= 0; bytes--) {
      writeFileSync(path, whole.subarray(0, bytes));
      const content = readJournalFile(nodeFileSystem, path);
      expect(content).not.toBeNull();
      if (content === null) continue;
      expect(content.records).toEqual(records.slice(0, content.records.length));
      expect(content.records.length).toBeLessThanOrEqual(last);
      expect(content.validBytes + content.tornBytes).toBe(bytes);
      last = content.records.length;
      const writer = JournalWriter.resume(nodeFileSystem, path, content);
      writer.append("after");
      writer.close();
      expect(read()).toEqual([...content.records, "after"]);
    }
    expect(last).toBe(0);
  });

  it("never gives a record that was changed, nor one behind it", () => {
    const whole = readFileSync(path);
    for (let bit = 64; bit < whole.length * 8; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, damaged);
      const found = read();
      expect(found.length).toBeLessThan(records.length);
      expect(found).toEqual(records.slice(0, found.length));
    }
  });

  it("a longer torn tail does not shine through behind a shorter record", () => {
    const content = readJournalFile(nodeFileSystem, path);
    if (content === null) throw new Error("no journal");
    const writer = JournalWriter.resume(nodeFileSystem, path, { ...content, validBytes: 8 });
    writer.append(1);
    writer.close();
    expect(statSync(path).size).toBeLessThan(content.validBytes);
    expect(read()).toEqual([1]);
  });

  it("refuses a file that is none", () => {
    writeFileSync(path, "id,name\n1,a\n");
    expect(() => read()).toThrow(expect.objectContaining({ code: "JOURNAL_DAMAGED" }));
  });
});

describe("a flush that the disk refuses", () => {
  const refused = Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO", syscall: "fsync" });
  const failsOnce = (which: "fsync" | "startSync") => {
    let calls = 0;
    const fail = () => {
      if (++calls === 1) throw refused;
    };
    const files: FileSystem = {
      ...nodeFileSystem,
      ...(which === "fsync" ? { fsync: fail } : { startSync: async () => fail() }),
    };
    return { files, calls: () => calls };
  };

  it("ends the journal: no later one is believed", async () => {
    const { files, calls } = failsOnce("fsync");
    const writer = JournalWriter.create(files, path);
    writer.append("one");
    expect(() => writer.sync()).toThrow(`cannot write the journal ${path}: EIO: i/o error, fsync`);
    expect(() => writer.sync()).toThrow(/EIO: i\/o error, fsync/);
    expect(() => writer.append("two")).toThrow(/EIO: i\/o error, fsync/);
    expect(calls()).toBe(1);
    await writer.close();
  });

  it("in the background, is told by the next record", async () => {
    const { files, calls } = failsOnce("startSync");
    const writer = JournalWriter.create(files, path);
    writer.append("one");
    writer.syncSoon();
    await writer.close();
    expect(calls()).toBe(1);
    expect(() => writer.append("two")).toThrow(/EIO: i\/o error, fsync/);
    expect(() => writer.sync()).toThrow(/EIO: i\/o error, fsync/);
  });

  it("leaves records that nobody may take for written: who goes on writes them again", async () => {
    const content = readJournalFile(nodeFileSystem, path);
    if (content === null) throw new Error("no journal");
    const whole = readFileSync(path);
    const written: { readonly at: number; readonly bytes: Buffer }[] = [];
    const write: FileSystem["write"] = (fd, chunks, at) => {
      written.push({ at, bytes: Buffer.concat(chunks) });
      nodeFileSystem.write(fd, chunks, at);
    };
    const writer = JournalWriter.resume({ ...nodeFileSystem, write }, path, content);
    writer.append("after");
    await writer.close();
    expect(written[0]).toEqual({ at: 0, bytes: whole });
    expect(written[1]?.at).toBe(whole.length);
    expect(read()).toEqual([...records, "after"]);
  });
});

it("records that come together share a flush, which the end of the journal waits for", async () => {
  let flushes = 0;
  const startSync = async (): Promise<void> => {
    flushes++;
  };
  // How long a machine takes for the records decides nothing.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const writer = JournalWriter.create({ ...nodeFileSystem, startSync }, path);
  for (const record of records) {
    writer.append(record);
    writer.syncSoon();
    await new Promise((done) => setImmediate(done));
  }
  expect(flushes).toBe(0);
  await writer.close();
  expect(flushes).toBe(1);
  expect(read()).toEqual(records);
});
