import { statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { externalError } from "../../common/errors.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";

/** Files that are looked at without a wait, which for thousands takes longer than looking; between them others have their turn. */
const atATime = 256;

/**
 * Compares the input files with what they were when the plan was made. Readers look at a file's size when they open it; what was written over with as many
 * bytes, replaced, or changed behind the last of them shows here, before anything is published.
 * @throws MillraceError External/SOURCE_CHANGED
 */
export async function requireInputsUnchanged(sources: readonly ResolvedSource[]): Promise<void> {
  const files = sources.flatMap((source) => source.files);
  for (let i = 0; i < files.length; i++) {
    const file = files[i] as SourceFile;
    const why = whatChanged(file);
    if (why !== null) {
      throw externalError("SOURCE_CHANGED", `${file.path} changed while it was read: ${why}`, {
        file: file.path,
        hint: "Run again when nothing writes to the file. Nothing was published.",
      });
    }
    if ((i + 1) % atATime === 0) await setImmediate();
  }
}

function whatChanged({ path, bytes, modifiedMs }: SourceFile): string | null {
  const now = statSync(path, { throwIfNoEntry: false });
  if (now === undefined) return "it is not there any more";
  if (now.size !== bytes) return `it had ${bytes} bytes and has ${now.size}`;
  // Where no time was taken down, there is none to compare.
  return modifiedMs === 0 || now.mtimeMs === modifiedMs ? null : "it was written to, or replaced by another file";
}
