import { type RejectReason, RejectReasons } from "../rejectedRecords.js";

/** Rows of a slice that cannot be delivered, and why. No object for each: where many fail, those take longer than reading them. */
export class Failures {
  readonly why = new RejectReasons();
  #rows = new Uint32Array(16);
  #reasons = new Int32Array(16);
  #count = 0;
  #last = -1;
  #isAscending = true;

  /** Forgets the slice before. */
  begin(): void {
    this.why.forget();
    this.#count = 0;
    this.#last = -1;
    this.#isAscending = true;
  }

  get count(): number {
    return this.#count;
  }

  /** Numbers of rows; ascending, each once, after `settle`. */
  get rows(): Uint32Array {
    return this.#rows.subarray(0, this.#count);
  }

  /** The number of the reason for each of the rows. */
  get reasons(): Int32Array {
    return this.#reasons.subarray(0, this.#count);
  }

  /** `reason`: a number of `why`. */
  add(row: number, reason: number): void {
    const count = this.#count;
    if (count === this.#rows.length) this.#grow();
    this.#rows[count] = row;
    this.#reasons[count] = reason;
    this.#count = count + 1;
    if (row <= this.#last) this.#isAscending = false;
    this.#last = row;
  }

  /** Of each row the first failure counts. Those of one column come in the order of the rows already. */
  settle(): void {
    if (this.#isAscending) return;
    const byRow = new Map<number, number>();
    this.rows.forEach((row, i) => {
      if (!byRow.has(row)) byRow.set(row, this.#reasons[i] as number);
    });
    const sorted = Uint32Array.from(byRow.keys()).sort();
    this.#rows.set(sorted);
    this.#count = sorted.length;
    sorted.forEach((row, i) => {
      this.#reasons[i] = byRow.get(row) as number;
    });
    this.#isAscending = true;
  }

  /** The failures as objects. */
  list(): ({ readonly row: number } & RejectReason)[] {
    return Array.from(this.rows, (row, i) => ({ row, ...this.why.at(this.#reasons[i] as number) }));
  }

  #grow(): void {
    const [rows, reasons] = [this.#rows, this.#reasons];
    this.#rows = new Uint32Array(rows.length * 2);
    this.#rows.set(rows);
    this.#reasons = new Int32Array(rows.length * 2);
    this.#reasons.set(reasons);
  }
}
