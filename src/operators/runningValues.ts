import { internalError } from "../common/errors.js";
import type { SortedCursor } from "../exchange/sortedCursor.js";
import { compareValues } from "../functions/compare.js";
import { ExactSum } from "../kernels/groups/exactSum.js";
import type { Value } from "../schema/types.js";
import { intoInt64 } from "./windowValues.js";

/** A value over rows that come to a frame and leave it in the same order. */
export abstract class Running {
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

/** `grows`: no row ever leaves the frame. */
export function running(fn: string, place: number | null, isFloatSum: boolean, grows: boolean): Running {
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

/** A sum or mean of the rows that have a value; null without one. */
abstract class RunningTotal extends Running {
  protected count = 0;

  constructor(
    private readonly place: number,
    protected readonly mean: boolean,
  ) {
    super();
  }

  protected reset(): void {
    this.count = 0;
    this.resetSum();
  }

  add(row: SortedCursor): void {
    this.#change(row, 1);
  }

  remove(row: SortedCursor): void {
    this.#change(row, -1);
  }

  get(): Value {
    return this.count === 0 ? null : this.total();
  }

  #change(row: SortedCursor, times: 1 | -1): void {
    const value = row.value(this.place);
    if (value === null) return;
    this.count += times;
    this.change(value as number | bigint, times);
  }

  protected abstract resetSum(): void;
  protected abstract change(value: number | bigint, times: 1 | -1): void;
  protected abstract total(): Value;
}

class RunningIntegers extends RunningTotal {
  #sum = 0n;

  protected resetSum(): void {
    this.#sum = 0n;
  }

  protected change(value: number | bigint, times: 1 | -1): void {
    this.#sum += BigInt(value) * BigInt(times);
  }

  protected total(): Value {
    return this.mean ? Number(this.#sum) / this.count : intoInt64(this.#sum);
  }
}

class RunningFloats extends RunningTotal {
  readonly #sum = new ExactSum();

  protected resetSum(): void {
    this.#sum.reset();
  }

  protected change(value: number | bigint, times: 1 | -1): void {
    if (times === 1) this.#sum.add(Number(value));
    else this.#sum.remove(Number(value));
  }

  protected total(): Value {
    const sum = this.#sum.value();
    return this.mean ? sum / this.count : sum;
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
    if (!this.grows || best.length === 0) best.push({ at: row.at, value: ownValue(value) });
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
export const ownValue = (value: Value): Value => (value instanceof Uint8Array ? value.slice() : value);
