/** A small random source: the same seed gives the same cases on every machine. */
export interface Random {
  /** A whole number from 0 to 2^32 - 1. */
  bits(): number;
  /** A whole number from 0 to `count - 1`. */
  below(count: number): number;
  chance(share: number): boolean;
  pick<T>(items: readonly [T, ...T[]]): T;
}

export const fuzzSeed = Number(process.env.MILLRACE_PROPERTY_SEED ?? Date.now() % 1_000_000);

/** Scrambles a number (the finaliser of MurmurHash3), so that neighbouring seeds have nothing in common. */
function scramble(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

export function randomFrom(seed: number, run: number): Random {
  let state = scramble(scramble(seed) + Math.imul(run, 0x9e3779b1));
  const bits = (): number => {
    state = (state + 0x9e3779b9) | 0;
    return scramble(state) >>> 0;
  };
  const below = (count: number): number => Math.floor((bits() / 4294967296) * count);
  return {
    bits,
    below,
    chance: (share) => bits() < share * 4294967296,
    pick: (items) => items[below(items.length)] ?? items[0],
  };
}
