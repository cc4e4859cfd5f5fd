/** The levels of a decoded part of the schema: one byte a row of it. */
export interface RowLevels {
  /** Definition levels of one of its leaves; null where that has a value in every row. Above the part's own level they say nothing of it. */
  readonly levels: Uint8Array | null;
  /** Repetition levels, 0 where a row of the file begins; null outside of lists. */
  readonly repeats: Uint8Array | null;
}

/** Where the rows of a list have their items. */
export interface ListRows extends RowLevels {
  readonly length: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly valid: Uint8Array | null;
}

/**
 * The rows of a list by the levels of its items, among which one stands for each list that is empty or null: no row has that one. null where the levels
 * contradict each other.
 * @param level the definition level of a list that is there, empty or not
 * @param depth the repetition level at which a list begins, or a lower one
 */
export function listRows(repeats: Uint8Array, levels: Uint8Array | null, level: number, depth: number): ListRows | null {
  if (repeats.length > 0 && (repeats[0] as number) > depth) return null;
  const length = countUpTo(repeats, depth);
  const [places, ends] = [new Int32Array(length + 1), new Int32Array(length)];
  const starts = places.subarray(0, length);
  const outer = depth === 0 ? null : new Uint8Array(length);
  if (levels === null) {
    fullRows(repeats, depth, places, ends);
    if (outer !== null) rowsOf(repeats, starts, outer);
    return { length, starts, ends, valid: null, levels: null, repeats: outer };
  }
  if (!someRows(repeats, levels, level, depth, places, ends)) return null;
  if (outer !== null) rowsOf(repeats, starts, outer);
  const own = new Uint8Array(length);
  rowsOf(levels, starts, own);
  return { length, starts, ends, valid: validOf(own, level), levels: own, repeats: outer };
}

/** Which rows of a list or struct of this level are there; null where all are. */
export function validOf(levels: Uint8Array | null, level: number): Uint8Array | null {
  const valid = levels === null || level === 0 ? null : reached(levels, level);
  return valid?.includes(0) === true ? valid : null;
}

// Functions of their own: what V8 compiles for a long loop is the whole function around it. Nothing in them branches, for how long lists are cannot be
// foretold: `(a - b) >>> 31` is 1 where a is less than b, both being bytes, else 0. Each start is written where the next row has its own until the row
// is known to begin there, the last time behind the last row.

/** One byte for each of the levels: whether it is at least `level`. */
function reached(levels: Uint8Array, level: number): Uint8Array {
  const out = new Uint8Array(levels.length);
  for (let i = 0; i < levels.length; i++) out[i] = (level - 1 - (levels[i] as number)) >>> 31;
  return out;
}

function countUpTo(repeats: Uint8Array, depth: number): number {
  let count = 0;
  for (let i = 0; i < repeats.length; i++) count += ((repeats[i] as number) - depth - 1) >>> 31;
  return count;
}

/** Bounds of lists that all have items. */
function fullRows(repeats: Uint8Array, depth: number, starts: Int32Array, ends: Int32Array): void {
  let next = 0;
  for (let i = 0; i < repeats.length; i++) {
    starts[next] = i;
    next += ((repeats[i] as number) - depth - 1) >>> 31;
    ends[next - 1] = i + 1;
  }
}

/** Bounds of lists of which some are empty or null; false where one of those goes on. */
function someRows(
  repeats: Uint8Array,
  levels: Uint8Array,
  level: number,
  depth: number,
  starts: Int32Array,
  ends: Int32Array,
): boolean {
  let next = 0;
  let before = 0;
  let wrong = 0;
  for (let i = 0; i < repeats.length; i++) {
    const here = (level - (levels[i] as number)) >>> 31;
    const begins = ((repeats[i] as number) - depth - 1) >>> 31;
    starts[next] = i;
    next += begins;
    ends[next - 1] = i + here;
    wrong |= (begins | (here & before)) ^ 1;
    before = here;
  }
  return wrong === 0;
}

/** Of each row the byte at which it starts. */
function rowsOf(bytes: Uint8Array, starts: Int32Array, out: Uint8Array): void {
  for (let row = 0; row < starts.length; row++) out[row] = bytes[starts[row] as number] as number;
}

/** Whether parts of a struct of this level have their rows at the same places, and agree on which of them the struct is in. */
export function agree(a: RowLevels, b: RowLevels, level: number): boolean {
  if (!sameBytes(a.repeats, b.repeats)) return false;
  if (sameBytes(a.levels, b.levels)) return true;
  if (a.levels !== null && b.levels !== null) return agreeUpTo(a.levels, b.levels, level);
  return allReach(a.levels ?? b.levels ?? none, level);
}

const none = new Uint8Array(0);

const sameBytes = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === b || (a !== null && b !== null && a.length === b.length && Buffer.compare(a, b) === 0);

function agreeUpTo(a: Uint8Array, b: Uint8Array, level: number): boolean {
  for (let i = 0; i < a.length; i++) {
    const one = a[i] as number;
    const two = b[i] as number;
    if (one !== two && (one < level || two < level)) return false;
  }
  return true;
}

function allReach(levels: Uint8Array, level: number): boolean {
  for (let i = 0; i < levels.length; i++) if ((levels[i] as number) < level) return false;
  return true;
}
