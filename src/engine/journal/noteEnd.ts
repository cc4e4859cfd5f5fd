import type { JournalRecord } from "./journal.js";

/**
 * Writes the last record of a run. What the journal cannot take then is told as a warning: it neither undoes what is published nor hides why
 * a run failed. Whoever goes on without the record finds everything published.
 */
export function noteEnd(journal: { write(record: JournalRecord): void }, record: JournalRecord): void {
  try {
    journal.write(record);
  } catch (cause) {
    process.emitWarning(`the end of the run could not be noted: ${(cause as Error).message}`, "MillraceWarning");
  }
}
