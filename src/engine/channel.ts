/** Hands values from a producer to one consumer, one at a time: `send` settles when the value was taken, so nothing piles up. */
export class Channel<T> implements AsyncIterableIterator<T> {
  private pending: { readonly value: T; readonly taken: () => void; readonly refused: (error: unknown) => void } | null = null;
  private waiting: { readonly give: (result: IteratorResult<T>) => void; readonly fail: (error: unknown) => void } | null = null;
  private end: { readonly error: unknown } | null = null;
  private stopped = false;

  constructor(private readonly onStop: () => void) {}

  /** @throws the consumer's stop, as an AbortError, once it no longer wants values. */
  send(value: T): Promise<void> {
    if (this.stopped) return Promise.reject(stopError());
    const { waiting } = this;
    if (waiting !== null) {
      this.waiting = null;
      waiting.give({ value, done: false });
      return Promise.resolve();
    }
    return new Promise((taken, refused) => {
      this.pending = { value, taken, refused };
    });
  }

  /** Lets a producer that waits for the consumer go, when the run ends for another reason. */
  abandon(error: unknown): void {
    this.stopped = true;
    this.pending?.refused(error);
    this.pending = null;
  }

  close(error: unknown = null): void {
    this.end = { error };
    const { waiting } = this;
    this.waiting = null;
    if (waiting === null) return;
    if (error === null) waiting.give({ value: undefined, done: true });
    else waiting.fail(error);
  }

  next(): Promise<IteratorResult<T>> {
    const { pending, end } = this;
    if (pending !== null) {
      this.pending = null;
      pending.taken();
      return Promise.resolve({ value: pending.value, done: false });
    }
    if (end !== null) return end.error === null ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(end.error);
    return new Promise((give, fail) => {
      this.waiting = { give, fail };
    });
  }

  /** The consumer leaves early (`break`): the producer's next `send` is refused. */
  return(): Promise<IteratorResult<T>> {
    this.stopped = true;
    this.pending?.refused(stopError());
    this.pending = null;
    this.onStop();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const stopError = (): Error => new DOMException("the consumer stopped", "AbortError");
