import { stat } from "node:fs/promises";
import { externalError } from "../../common/errors.js";
import type { ResolvedSource } from "../../plan/bound.js";

const atATime = 64;

/**
 * Compares the input files with what they were when the plan was made. Readers look at a file's size when they open it; what was written over with as many
 * bytes, replaced, or changed behind the last of them shows here, before anything is published.
 * @throws MillraceError External/SOURCE_CHANGED
 */
export async function requireInputsUnchanged(sources: readonly ResolvedSource[]): Promise<void> {
  const files = sources.flatMap((source) => source.files);
  for (let from = 0; from < files.length; from += atATime) {
    const why = await Promise.all(files.slice(from, from + atATime).map(whatChanged));
    const first = why.findIndex((text) => text !== null);
    const file = files[from + first];
    if (first < 0 || file === undefined) continue;
    throw externalError("SOURCE_CHANGED", `${file.path} changed while it was read: ${why[first]}`, {
      file: file.path,
      hint: "Run again when nothing writes to the file. Nothing was published.",
    });
  }
}

async function whatChanged({ path, bytes, modifiedMs }: ResolvedSource["files"][number]): Promise<string | null> {
  try {
    const now = await stat(path);
    if (now.size !== bytes) return `it had ${bytes} bytes and has ${now.size}`;
    // Where no time was taken down, there is none to compare.
    return modifiedMs === 0 || now.mtimeMs === modifiedMs ? null : "it was written to, or replaced by another file";
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return "it is not there any more";
    throw cause;
  }
}
