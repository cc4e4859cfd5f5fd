import { reached } from "./parquetFlatPages.js";

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
  const [starts, ends] = [new Int32Array(length), new Int32Array(length)];
  const outer = depth === 0 ? null : new Uint8Array(length);
  if (levels === null) {
    fullRows(repeats, depth, starts, ends);
    if (outer !== null) rowsOf(repeats, starts, outer);
    return { length, starts, ends, valid: null, levels: null, repeats: outer };
  }
  if (!someRows(repeats, levels, level, depth, starts, ends)) return null;
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

// Functions of their own: what V8 compiles for a long loop is the whole function around it.

function countUpTo(repeats: Uint8Array, depth: number): number {
  let count = 0;
  for (let i = 0; i < repeats.length; i++) count += (repeats[i] as number) <= depth ? 1 : 0;
  return count;
}

/** Bounds of lists that all have items. */
function fullRows(repeats: Uint8Array, depth: number, starts: Int32Array, ends: Int32Array): void {
  let row = -1;
  for (let i = 0; i < repeats.length; i++) {
    if ((repeats[i] as number) <= depth) starts[++row] = i;
    ends[row] = i + 1;
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
  let row = -1;
  let isRight = true;
  for (let i = 0; i < repeats.length; i++) {
    const here = (levels[i] as number) > level ? 1 : 0;
    if ((repeats[i] as number) <= depth) starts[++row] = i;
    else if (here === 0 || ends[row] !== i) isRight = false;
    ends[row] = i + here;
  }
  return isRight;
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
    const [one, two] = [a[i] as number, b[i] as number];
    if (one !== two && (one < level || two < level)) return false;
  }
  return true;
}

function allReach(levels: Uint8Array, level: number): boolean {
  for (let i = 0; i < levels.length; i++) if ((levels[i] as number) < level) return false;
  return true;
}
