/** Values by how often they came. */
export interface ValueTally {
  readonly values: readonly { readonly value: string | null; readonly count: number; readonly hash?: number }[];
  /** Whether these are all values there were. */
  readonly complete: boolean;
}

/** Values kept: enough for what people look at, few enough for a message of every task. */
const kept = 256;

/**
 * Counts texts in bounded memory. Past `kept` different ones it keeps those of least hash (a bottom-k sample: Cohen and Kaplan, 2007), whose
 * counts stay exact: a value that is among the least of all is so from its first occurrence on, in every part of the input. So the result does
 * not depend on how the input was cut.
 */
export class ValueCounter {
  private counts = new Map<string | null, Counted>();
  private complete = true;
  /** Hash of the last value kept, once some were dropped: what lies above it need not be looked up. */
  private limit = 2 ** 32;

  /** `hash`: unsigned, 32 bits, of the value that the text stands for; equal for equal texts. Of the text itself where it is left out. */
  add(value: string | null, count = 1, hash?: number): void {
    const seen = this.counts.get(value);
    if (seen !== undefined) {
      seen.count += count;
      return;
    }
    const own = hash ?? hashOf(value);
    if (this.passesOver(own)) return;
    this.counts.set(value, { count, hash: own });
    if (this.counts.size >= 2 * kept) this.shrink();
  }

  /** Whether a value of this hash is not among those that are kept; its text need not be made. */
  passesOver(hash: number): boolean {
    if (hash <= this.limit) return false;
    this.complete = false;
    return true;
  }

  merge(tally: ValueTally): void {
    for (const { value, count, hash } of tally.values) this.add(value, count, hash);
    if (!tally.complete) this.complete = false;
  }

  take(): ValueTally {
    this.shrink();
    const values = [...this.counts].map(([value, { count, hash }]) => ({ value, count, hash }));
    return { values, complete: this.complete };
  }

  private shrink(): void {
    if (this.counts.size <= kept) return;
    const ordered = [...this.counts].sort(([a, x], [b, y]) => x.hash - y.hash || compareText(a, b));
    this.counts = new Map(ordered.slice(0, kept));
    this.limit = ordered[kept - 1]?.[1].hash ?? 0;
    this.complete = false;
  }
}

interface Counted {
  count: number;
  readonly hash: number;
}

/** By count, the most frequent first, then by the value itself. */
export function mostFrequent(tally: ValueTally, most: number): ValueTally {
  const ordered = tally.values
    .map(({ value, count }) => ({ value, count }))
    .sort((a, b) => b.count - a.count || compareText(a.value, b.value));
  return { values: ordered.slice(0, most), complete: tally.complete && ordered.length <= most };
}

function compareText(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  return b === null || a < b ? -1 : 1;
}

/** FNV-1a over UTF-16 units, 32 bits. */
function hashOf(value: string | null): number {
  if (value === null) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
