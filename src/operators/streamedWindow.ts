import { internalError } from "../common/errors.js";
import type { SortedCursor } from "../exchange/sortedCursor.js";
import { compareValues } from "../functions/compare.js";
import { ExactSum } from "../kernels/exactSum.js";
import type { WindowCall } from "../plan/bound.js";
import type { WindowFrame } from "../plan/nodes.js";
import { isFloat, type Value } from "../schema/types.js";
import { intoInt64 } from "./windowValues.js";

/** What a function of a window gives for each row of sorted groups, one row after the other. It means what `WindowOperator` computes in memory. */
export interface RowValues {
  /** The value of the row at which `current` stands; `current` goes on by one row between calls. */
  next(current: SortedCursor): Value;
}

/** Where the rows that a function looks at come from. */
export interface SortedInput {
  /** Another cursor, at the first row. */
  open(): SortedCursor;
  /** Where the columns of the calls' arguments stand in the file. */
  place(arg: WindowCall["args"][number]): number;
  readonly frame: WindowFrame | null;
}

export function rowValues({ fn, args, options }: WindowCall, input: SortedInput): RowValues {
  const offset = Number(options.offset ?? 1);
  const places = args.map((arg) => input.place(arg));
  switch (fn) {
    case "rowNumber":
      return new Numbered((place) => place + 1);
    case "rank":
      return new Numbered((place, _, tie) => (tie ? null : place + 1));
    case "denseRank":
      return new Numbered((_, before, tie) => (tie ? null : before + 1));
    case "lag":
      return new Neighbour(input.open(), places, -offset);
    case "lead":
      return new Neighbour(input.open(), places, offset);
    default: {
      const { frame } = input;
      const [argument] = args;
      const isFloatSum = argument !== undefined && isFloat(argument.type);
      const value = running(fn, places[0] ?? null, isFloatSum, frame === null || frame.from === null);
      return frame === null ? new GrowingFrame(input, value) : new SlidingFrame(input, frame, value);
    }
  }
}

class Numbered implements RowValues {
  #group = -1;
  #place = 0;
  #before = 0;

  constructor(private readonly number: (place: number, before: number, tie: boolean) => number | null) {}

  next(current: SortedCursor): bigint {
    const isFirst = current.group !== this.#group;
    this.#group = current.group;
    this.#place = isFirst ? 0 : this.#place + 1;
    if (isFirst) this.#before = 0;
    this.#before = this.number(this.#place, this.#before, !isFirst && current.isTie) ?? this.#before;
    return BigInt(this.#before);
  }
}

/** The value so many rows further on in the group. */
class Neighbour implements RowValues {
  constructor(
    private readonly other: SortedCursor,
    private readonly places: readonly number[],
    private readonly offset: number,
  ) {}

  next(current: SortedCursor): Value {
    const { other, places } = this;
    const [value = -1, instead] = places;
    const at = current.at + this.offset;
    while (other.at < at && other.group >= 0) other.advance();
    if (other.at === at && other.group === current.group) return own(other.value(value));
    return instead === undefined ? null : current.value(instead);
  }
}

/** All rows of the group up to the row and its ties; without keys all rows are ties. */
class GrowingFrame implements RowValues {
  readonly #ahead: SortedCursor;

  constructor(
    { open }: SortedInput,
    private readonly value: Running,
  ) {
    this.#ahead = open();
  }

  next(current: SortedCursor): Value {
    const ahead = this.#ahead;
    // Everything up to the row before is in the frame; its ties are as well.
    if (ahead.at === current.at) {
      const { group } = current;
      this.value.startGroup(group);
      do {
        this.value.add(ahead);
        ahead.advance();
      } while (ahead.group === group && ahead.isTie);
    }
    return this.value.get();
  }
}

class SlidingFrame implements RowValues {
  readonly #high: SortedCursor;
  readonly #low: SortedCursor | null;

  constructor(
    input: SortedInput,
    private readonly frame: WindowFrame,
    private readonly value: Running,
  ) {
    this.#high = input.open();
    this.#low = frame.from === null ? null : input.open();
  }

  next(current: SortedCursor): Value {
    const { frame, value } = this;
    const { at, group } = current;
    const [high, low] = [this.#high, this.#low];
    if (value.startGroup(group)) {
      skipTo(high, at);
      if (low !== null) skipTo(low, at);
    }
    const to = frame.to === null ? Number.POSITIVE_INFINITY : at + frame.to + 1;
    for (; high.at < to && high.group === group; high.advance()) value.add(high);
    if (low !== null) {
      const from = at + (frame.from ?? 0);
      for (; low.at < from && low.group === group; low.advance()) value.remove(low);
    }
    return value.get();
  }
}

function skipTo(cursor: SortedCursor, at: number): void {
  while (cursor.at < at) cursor.advance();
}

/** A value over rows that come to a frame and leave it in the same order. */
abstract class Running {
  #group = -1;

  /** Begins anew where the group is another one; answers whether it was. */
  startGroup(group: number): boolean {
    if (group === this.#group) return false;
    this.#group = group;
    this.reset();
    return true;
  }

  abstract add(row: SortedCursor): void;
  abstract remove(row: SortedCursor): void;
  abstract get(): Value;
  protected abstract reset(): void;
}

function running(fn: string, place: number | null, isFloatSum: boolean, grows: boolean): Running {
  if (fn === "count") return new RunningCount(place);
  if (place === null) throw internalError(`${fn} has an argument`);
  switch (fn) {
    case "sum":
    case "avg":
      return isFloatSum ? new RunningFloats(place, fn === "avg") : new RunningIntegers(place, fn === "avg");
    case "min":
      return new RunningExtreme(place, 1, grows);
    case "max":
      return new RunningExtreme(place, -1, grows);
    default:
      throw internalError(`${fn} is no window function of the workers`);
  }
}

class RunningCount extends Running {
  #count = 0;

  constructor(private readonly place: number | null) {
    super();
  }

  protected reset(): void {
    this.#count = 0;
  }

  add(row: SortedCursor): void {
    if (this.#counts(row)) this.#count++;
  }

  remove(row: SortedCursor): void {
    if (this.#counts(row)) this.#count--;
  }

  get(): bigint {
    return BigInt(this.#count);
  }

  #counts(row: SortedCursor): boolean {
    return this.place === null || row.value(this.place) !== null;
  }
}

class RunningIntegers extends Running {
  #count = 0;
  #sum = 0n;

  constructor(
    private readonly place: number,
    private readonly mean: boolean,
  ) {
    super();
  }

  protected reset(): void {
    this.#count = 0;
    this.#sum = 0n;
  }

  add(row: SortedCursor): void {
    this.#change(row, 1);
  }

  remove(row: SortedCursor): void {
    this.#change(row, -1);
  }

  #change(row: SortedCursor, times: 1 | -1): void {
    const value = row.value(this.place);
    if (value === null) return;
    this.#count += times;
    this.#sum += BigInt(value as number | bigint) * BigInt(times);
  }

  get(): Value {
    if (this.#count === 0) return null;
    return this.mean ? Number(this.#sum) / this.#count : intoInt64(this.#sum);
  }
}

class RunningFloats extends Running {
  #count = 0;
  readonly #sum = new ExactSum();

  constructor(
    private readonly place: number,
    private readonly mean: boolean,
  ) {
    super();
  }

  protected reset(): void {
    this.#count = 0;
    this.#sum.reset();
  }

  add(row: SortedCursor): void {
    const value = row.value(this.place);
    if (value === null) return;
    this.#count++;
    this.#sum.add(value as number);
  }

  remove(row: SortedCursor): void {
    const value = row.value(this.place);
    if (value === null) return;
    this.#count--;
    this.#sum.remove(value as number);
  }

  get(): Value {
    if (this.#count === 0) return null;
    const sum = this.#sum.value();
    return this.mean ? sum / this.#count : sum;
  }
}

interface Candidate {
  readonly at: number;
  readonly value: Value;
}

/** The smallest or largest value of the frame. Of equal values that of the first row. */
class RunningExtreme extends Running {
  /** Rows that are the best of those from them on, in the order of the frame; the best is at `#from`. */
  #best: Candidate[] = [];
  #from = 0;

  /** `sign`: 1 for the smallest, -1 for the largest. `grows`: no row ever leaves the frame, so that one is enough. */
  constructor(
    private readonly place: number,
    private readonly sign: 1 | -1,
    private readonly grows: boolean,
  ) {
    super();
  }

  protected reset(): void {
    this.#best = [];
    this.#from = 0;
  }

  add(row: SortedCursor): void {
    const value = row.value(this.place);
    if (value === null) return;
    const best = this.#best;
    const isBetter = (than: Candidate | undefined) => than !== undefined && compareValues(value, than.value) * this.sign < 0;
    while (best.length > this.#from && isBetter(best[best.length - 1])) best.pop();
    if (!this.grows || best.length === 0) best.push({ at: row.at, value: own(value) });
  }

  remove(row: SortedCursor): void {
    if (this.#best[this.#from]?.at === row.at) this.#from++;
    if (this.#from > 1024 && this.#from * 2 > this.#best.length) {
      this.#best.splice(0, this.#from);
      this.#from = 0;
    }
  }

  get(): Value {
    return this.#best[this.#from]?.value ?? null;
  }
}

/** Bytes that stay what they are when the cursor goes on. */
const own = (value: Value): Value => (value instanceof Uint8Array ? value.slice() : value);
