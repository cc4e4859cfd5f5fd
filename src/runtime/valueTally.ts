import type { DataType } from "../schema/types.js";

/** Values by how often they came. */
export interface ValueTally {
  readonly values: readonly { readonly value: string | null; readonly count: number; readonly hash?: number }[];
  /** Whether these are all values there were. */
  readonly complete: boolean;
}

/** Values as kernels have counted them, entry by entry: of one column or of several, of these types. Their texts are made where they are looked at. */
export interface PackedValues {
  readonly types: readonly DataType[];
  readonly entries: Uint8Array;
  /** Whether these are all values there were. */
  readonly complete: boolean;
}

/** Values kept: enough for what people look at, few enough for a message of every task. */
export const keptValues = 256;

/** How values that are counted are told apart, and told. Equal values have equal hashes, and so have those of equal texts. */
export interface Counting<V> {
  readonly same: (a: V, b: V) => boolean;
  readonly text: (value: V) => string | null;
}

export const countingTexts: Counting<string | null> = { same: (a, b) => a === b, text: (value) => value };

/**
 * Counts values in bounded memory. Past `keptValues` different ones it keeps those of least hash (a bottom-k sample: Cohen and Kaplan, 2007), whose
 * counts stay exact: a value that is among the least of all is so from its first occurrence on, in every part of the input. So the result does
 * not depend on how the input was cut.
 */
export class ValueCounter<V> {
  /** By hash: one, or those that share it. */
  private readonly counts = new Map<number, Counted<V>>();
  private size = 0;
  private complete = true;
  /** Hash of the last value kept, once some were dropped: what lies above it need not be looked up. */
  private limit = 2 ** 31 - 1;

  constructor(private readonly counting: Counting<V>) {}

  /** `hash`: 32 bits, signed, which V8 keeps without an object of its own. */
  add(value: V, hash: number, count = 1): void {
    const first = this.counts.get(hash);
    for (let seen = first; seen !== undefined; seen = seen.other) {
      if (this.counting.same(seen.value, value)) {
        seen.count += count;
        return;
      }
    }
    if (this.passesOver(hash)) return;
    this.counts.set(hash, { value, count, hash, other: first });
    if (++this.size >= 2 * keptValues) this.shrink();
  }

  /** Values were left out that are not among those of least hash. */
  leftOut(): void {
    this.complete = false;
  }

  /** Whether a value of this hash is not among those that are kept: it need not be read. */
  passesOver(hash: number): boolean {
    if (hash <= this.limit) return false;
    this.complete = false;
    return true;
  }

  take(): ValueTally {
    this.shrink();
    const values = this.all().map(({ value, count, hash }) => ({ value: this.counting.text(value), count, hash }));
    return { values, complete: this.complete };
  }

  private all(): Counted<V>[] {
    const all: Counted<V>[] = [];
    for (const first of this.counts.values()) {
      for (let one: Counted<V> | undefined = first; one !== undefined; one = one.other) all.push(one);
    }
    return all;
  }

  private shrink(): void {
    if (this.size <= keptValues) return;
    const all = this.all();
    const hashes = new Int32Array(all.length);
    for (let i = 0; i < all.length; i++) hashes[i] = (all[i] as Counted<V>).hash;
    hashes.sort();
    this.limit = hashes[keptValues - 1] ?? 0;
    for (const hash of this.counts.keys()) if (hash > this.limit) this.counts.delete(hash);
    const left = this.all();
    if (left.length > keptValues) this.cut(left);
    this.size = keptValues;
    this.complete = false;
  }

  /** Of values that share the last hash, those of least text stay. */
  private cut(values: Counted<V>[]): void {
    const { text } = this.counting;
    values.sort((a, b) => a.hash - b.hash || compareText(text(a.value), text(b.value)));
    this.counts.clear();
    for (const one of values.slice(0, keptValues)) this.counts.set(one.hash, { ...one, other: this.counts.get(one.hash) });
  }
}

interface Counted<V> {
  readonly value: V;
  count: number;
  readonly hash: number;
  readonly other: Counted<V> | undefined;
}

/** The tallies of parts of the input as one. */
export function mergeTallies(parts: readonly ValueTally[]): ValueTally {
  const counter = new ValueCounter(countingTexts);
  for (const { values } of parts)
    for (const { value, count, hash } of values) counter.add(value, hash ?? hashOfText(value), count);
  const { values, complete } = counter.take();
  return { values, complete: complete && parts.every((part) => part.complete) };
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

/** FNV-1a over UTF-16 units, 32 bits signed. */
export function hashOfText(value: string | null): number {
  if (value === null) return 0;
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193);
  return hash;
}
