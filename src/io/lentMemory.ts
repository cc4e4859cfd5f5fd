/**
 * Memory of a thread for one user at a time, who gives it back: memory that was touched before takes a third of the time. Pages of it that nobody touches take
 * none.
 */
export class LentMemory {
  #memory: ArrayBuffer | null = null;
  #isLent = false;

  constructor(readonly bytes: number) {}

  /** null while somebody else has it. */
  borrow(): ArrayBuffer | null {
    if (this.#isLent) return null;
    this.#isLent = true;
    this.#memory ??= new ArrayBuffer(this.bytes);
    return this.#memory;
  }

  giveBack(): void {
    this.#isLent = false;
  }
}
