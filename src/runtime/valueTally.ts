/** Values by how often they came. */
export interface ValueTally {
  readonly values: readonly { readonly value: string | null; readonly count: number }[];
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
  private counts = new Map<string | null, number>();
  private complete = true;
  /** Hash of the last value kept, once some were dropped: what lies above it need not be looked up. */
  private limit = 2 ** 32;

  add(value: string | null, count = 1): void {
    const seen = this.counts.get(value);
    if (seen !== undefined) this.counts.set(value, seen + count);
    else if (hashOf(value) > this.limit) this.complete = false;
    else {
      this.counts.set(value, count);
      if (this.counts.size >= 2 * kept) this.shrink();
    }
  }

  merge(tally: ValueTally): void {
    for (const { value, count } of tally.values) this.add(value, count);
    if (!tally.complete) this.complete = false;
  }

  take(): ValueTally {
    this.shrink();
    const values = [...this.counts].map(([value, count]) => ({ value, count }));
    return { values, complete: this.complete };
  }

  private shrink(): void {
    if (this.counts.size <= kept) return;
    const ordered = [...this.counts].sort(([a], [b]) => hashOf(a) - hashOf(b) || compareText(a, b));
    this.counts = new Map(ordered.slice(0, kept));
    this.limit = hashOf(ordered[kept - 1]?.[0] ?? null);
    this.complete = false;
  }
}

/** By count, the most frequent first, then by the value itself. */
export function mostFrequent(tally: ValueTally, most: number): ValueTally {
  const ordered = [...tally.values].sort((a, b) => b.count - a.count || compareText(a.value, b.value));
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
