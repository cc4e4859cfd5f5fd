import { join } from "node:path";
import { dataError, type MillraceError } from "../../common/errors.js";
import { nodeFileSystem, writeTextAtomically } from "../../io/fileSystem.js";
import type { RunMemory } from "./journal.js";

const tablesFile = (runFolder: string): string => join(runFolder, "tables");

/**
 * Notes beside the journal that rows are about to be added to a table. Files that are published twice are the same files; rows that are added twice are
 * not, and a journal that has lost its end would have them added again.
 */
export function noteTables(runFolder: string, runId: string): void {
  if (nodeFileSystem.stat(tablesFile(runFolder)) === null)
    writeTextAtomically(nodeFileSystem, tablesFile(runFolder), JSON.stringify({ runId }));
}

/**
 * @param memory what the journal says; null where it says nothing
 * @throws MillraceError Data/JOURNAL_DAMAGED where the journal is another run's, or says less than was done
 */
export function requireOwnJournal(runFolder: string, runId: string, memory: RunMemory | null): void {
  if (memory !== null && memory.header.runId !== runId) throw damaged(runFolder, `it is that of run ${memory.header.runId}`);
  if ((memory?.publishing ?? null) === null && nodeFileSystem.stat(tablesFile(runFolder)) !== null)
    throw damaged(runFolder, "its end is missing: rows were being added to a table, which it does not say");
}

const damaged = (runFolder: string, why: string): MillraceError => {
  const file = join(runFolder, "journal");
  return dataError("JOURNAL_DAMAGED", `${file} cannot be gone on with: ${why}`, {
    file,
    hint: "See whether the rows of this run are in the table, and run the job again if not.",
  });
};
