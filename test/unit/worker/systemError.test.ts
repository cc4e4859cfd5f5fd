import { openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import { isTransient } from "../../../src/engine/attempts/retry.js";
import { systemError } from "../../../src/worker/systemError.js";

const thrownBy = (run: () => unknown): unknown => {
  try {
    run();
  } catch (thrown) {
    return thrown;
  }
  return null;
};

const failure = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: something, read`), {
    code,
    syscall: "read",
    errno: -1,
    ...(path === undefined ? {} : { path }),
  });

describe("what the system refuses a task", () => {
  it("is the system's fault, with the file, and not a bug", () => {
    const path = join(tmpdir(), "not-there", "a.csv");
    const data = systemError(thrownBy(() => openSync(path, "r")));
    expect(data).toMatchObject({ category: "External", code: "FILE_IO", file: path });
    expect(data?.message).toContain("ENOENT");
  });

  it.each([
    ["EIO", true],
    ["ESTALE", true],
    ["EMFILE", true],
    ["ENOENT", false],
    ["EACCES", false],
    ["ENOSPC", false],
  ] as const)("%s may pass: %s", (code, passes) => {
    const data = systemError(failure(code, "/a.csv"));
    expect(data).not.toBeNull();
    expect(data === null ? null : isTransient(MillraceError.fromData(data))).toBe(passes);
  });

  it("a full disk is told as one", () =>
    expect(systemError(failure("ENOSPC"))).toMatchObject({ category: "Resource", code: "DISK_FULL" }));

  it("nothing else is taken for it", () => {
    expect(systemError(new Error("EIO: looks like it"))).toBeNull();
    expect(systemError("EIO")).toBeNull();
    expect(systemError(new MillraceError("Data", "CAST_FAILED", "no"))).toBeNull();
  });
});
