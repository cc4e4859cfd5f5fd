/** Time as those see it who wait and measure, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some moment; goes on evenly, also where somebody sets the clock. */
  elapsed(): number;
  sleep(ms: number): Promise<void>;
  /** Calls `tick` again and again until the function that it gives is called. */
  every(ms: number, tick: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)),
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
};
