import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { unpack } from "msgpackr";

/** What a task says of itself in the journal. */
export interface JournalTask {
  readonly stage: number;
  readonly partition: number;
  readonly attempts: number;
  readonly result: {
    readonly scan: { readonly rows: number; readonly rejected: number; readonly bytes: number };
    readonly steps: readonly {
      readonly rowsIn: number;
      readonly rowsOut: number;
      readonly filtered: number;
      readonly rejected: number;
      readonly files: readonly { readonly rows: number; readonly path: string }[];
    }[];
    readonly rejects: { readonly count: number };
    readonly timing: {
      readonly startMs: number;
      readonly endMs: number;
      readonly readMs: number;
      readonly computeMs: number;
      readonly writeMs: number;
      readonly cpuMs: number;
    };
  };
}

export interface JournalText {
  readonly header: { readonly planFingerprint: string; readonly startMs: number; readonly job: string };
  readonly owners: number;
  readonly queries: readonly { readonly stage: number; readonly rows: number }[];
  /** The last record of each task, which is the one that counts. */
  readonly tasks: readonly JournalTask[];
}

/** A reader of journals of its own: the magic, then length, crc32 and MessagePack of each record. */
export function readJournal(path: string): JournalText {
  const bytes = readFileSync(path);
  const records: Record<string, unknown>[] = [];
  for (let at = 8; at + 8 <= bytes.length; ) {
    const body = bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at));
    if (crc32(body) !== bytes.readUInt32LE(at + 4)) break;
    records.push(unpack(body) as Record<string, unknown>);
    at += 8 + body.length;
  }
  const slotOf = (record: Record<string, unknown>) => (record.identity as { slot: string }).slot.split("/").map(Number);
  const tasks = new Map<string, JournalTask>();
  for (const record of records.filter(({ kind }) => kind === "task")) {
    const [stage = 0, partition = 0] = slotOf(record);
    tasks.set(`${stage}/${partition}`, { ...(record as unknown as JournalTask), stage, partition });
  }
  const queries = records.filter(({ kind }) => kind === "stage");
  return {
    header: records.find(({ kind }) => kind === "run") as unknown as JournalText["header"],
    owners: records.filter(({ kind }) => kind === "owner").length,
    queries: queries.map((record) => ({ stage: slotOf(record)[0] ?? 0, rows: Number(record.rows) })),
    tasks: [...tasks.values()].sort((a, b) => a.stage - b.stage || a.partition - b.partition),
  };
}
