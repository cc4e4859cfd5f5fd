import { rowCount } from "../batch/column.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { RowsBuild } from "../task/protocol.js";
import { eachBatch } from "./buildRows.js";

/** Rows that fail a check, by partition: how many rows of the partition come before each, ascending. */
export type VerdictRows = ReadonlyMap<number, Uint32Array>;

/** Verdicts that tasks of this thread have read, by run and content: a stage's tasks share them. */
const kept = new Map<string, Promise<VerdictRows>>();
const mostKept = 8;

/** What `number` and a verdict's plan have found, read by the first task of a run on this thread that asks for it. */
export function verdictRows(build: RowsBuild, runId: string): Promise<VerdictRows> {
  const key = JSON.stringify([runId, build.scan.source.files]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const [oldest] = kept.keys();
  if (kept.size >= mostKept && oldest !== undefined) kept.delete(oldest);
  const made = readVerdict(build);
  kept.set(key, made);
  made.catch(() => kept.delete(key));
  return made;
}

async function readVerdict(build: RowsBuild): Promise<VerdictRows> {
  const found = new Map<number, RowList>();
  await eachBatch(build, "a verdict", (batch) => {
    const column = required(batch.columns[0], "numbers of rows");
    if (column.layout !== "fixed" || !(column.values instanceof BigInt64Array)) throw internalError("a verdict is no int64");
    const { buffer, byteOffset } = column.values;
    const words = new Uint32Array(buffer, byteOffset, 2 * batch.length);
    for (let j = 0; j < rowCount(batch); j++) {
      const row = batch.selection === null ? j : (batch.selection[j] as number);
      listOf(found, words[2 * row + 1] as number).add(words[2 * row] as number);
    }
  });
  return new Map([...found].map(([partition, list]) => [partition, list.sorted()]));
}

/** Numbers in an array that grows. */
class RowList {
  #rows = new Uint32Array(64);
  #length = 0;

  add(row: number): void {
    if (this.#length === this.#rows.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows[this.#length++] = row;
  }

  sorted(): Uint32Array {
    return this.#rows.slice(0, this.#length).sort();
  }
}

function listOf(lists: Map<number, RowList>, partition: number): RowList {
  const known = lists.get(partition);
  if (known !== undefined) return known;
  const made = new RowList();
  lists.set(partition, made);
  return made;
}
