import type { Clock } from "../../src/common/clock.js";

interface Waiter {
  readonly atMs: number;
  readonly wake: () => void;
}

/** A clock that goes on by `advance` alone. */
export class ManualClock implements Clock {
  private nowMs = 1_000_000;
  private waiters: Waiter[] = [];
  private readonly ticks = new Set<{ readonly ms: number; nextMs: number; readonly tick: () => void }>();

  now(): number {
    return this.nowMs;
  }

  elapsed(): number {
    return this.nowMs - 1_000_000;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.waiters.push({ atMs: this.nowMs + ms, wake }));
  }

  every(ms: number, tick: () => void): () => void {
    const entry = { ms, nextMs: this.nowMs + ms, tick };
    this.ticks.add(entry);
    return () => this.ticks.delete(entry);
  }

  /** The process stands still: time goes by, and nothing happens. Of the ticks that were due then, one comes later. */
  standStill(ms: number): void {
    this.nowMs += ms;
    for (const entry of this.ticks) entry.nextMs = Math.max(entry.nextMs, this.nowMs);
  }

  /** Lets everything happen that is due, in steps of at most 50 ms. */
  async advance(ms: number): Promise<void> {
    const until = this.nowMs + ms;
    await settle();
    while (this.nowMs < until) {
      this.nowMs = Math.min(until, this.nowMs + 50);
      for (const entry of this.ticks) {
        while (entry.nextMs <= this.nowMs) {
          entry.nextMs += entry.ms;
          entry.tick();
        }
      }
      const due = this.waiters.filter(({ atMs }) => atMs <= this.nowMs);
      this.waiters = this.waiters.filter(({ atMs }) => atMs > this.nowMs);
      for (const { wake } of due) wake();
      await settle();
    }
  }
}

/** Until no promise has anything left to do. */
const settle = (): Promise<void> => new Promise((wake) => setImmediate(wake));
