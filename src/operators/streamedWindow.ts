import type { SortedCursor } from "../exchange/sortedCursor.js";
import type { WindowCall } from "../plan/bound.js";
import type { WindowFrame } from "../plan/nodes.js";
import { isFloat, type Value } from "../schema/types.js";
import { ownValue, type Running, running } from "./runningValues.js";

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
    if (other.at === at && other.group === current.group) return ownValue(other.value(value));
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
