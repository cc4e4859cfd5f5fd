/** Where a process is killed: behind the n-th passing of a point, or after a share of the time that a run takes. */
export type Where =
  | { readonly kind: "point"; readonly point: string; readonly nth: number }
  | { readonly kind: "time"; readonly share: number };

/** One kill and what follows it. The same seed, pipeline and number give the same case. */
export interface Case {
  readonly number: number;
  readonly where: Where;
  /** Kills while it is gone on with. */
  readonly again: readonly Where[];
  /** Who brings it to its end: one of the processes that wait, a new one, or two at once. */
  readonly by: "server" | "new" | "two";
  /** Number of the settings with which it is gone on with. */
  readonly settings: number;
  /** It is found by what it is rather than named. */
  readonly auto: boolean;
  /** Bytes that the end of its journal loses, as where a machine loses power; 0: none. */
  readonly torn: number;
}

/** Mulberry32 by Tommy Ettinger (public domain): numbers from 0 to 1, the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Passings of a point to kill at: the first, the last, then what lies between, ever finer. */
function spread(count: number): number[] {
  const given = new Set([1, count]);
  for (let parts = 2; given.size < count; parts *= 2) {
    for (let i = 1; i < parts; i++) given.add(1 + Math.round(((count - 1) * i) / parts));
  }
  return [...given];
}

/** Points to kill at, in turn, as often as asked. `passings`: how often an undisturbed run passes each. */
export function pointsFor(passings: ReadonlyMap<string, number>, kills: number): Where[] {
  const chosen: Where[] = [];
  const turns = [...passings].map(([point, count]) => ({ point, nths: spread(count) }));
  const rounds = Math.max(0, ...turns.map(({ nths }) => nths.length));
  while (chosen.length < kills && rounds > 0) {
    for (let round = 0; round < rounds; round++) {
      for (const { point, nths } of turns) {
        const nth = nths[round];
        if (nth !== undefined && chosen.length < kills) chosen.push({ kind: "point", point, nth });
      }
    }
  }
  return chosen;
}

const hashOf = (text: string): number =>
  [...text].reduce((hash, char) => Math.imul(hash ^ char.charCodeAt(0), 16777619), 2166136261);

/** How often the points are passed, by an undisturbed run and by a process that brings a publish to its end. */
export interface Passings {
  readonly passings: ReadonlyMap<string, number>;
  readonly resumePassings: ReadonlyMap<string, number>;
}

/** The cases of a pipeline: half of the kills at points, half at random times. */
export function casesOf(pipeline: string, { passings, resumePassings }: Passings, kills: number, seed: number): Case[] {
  const publishing: Where = { kind: "point", point: "publishing", nth: 1 };
  const late = [...resumePassings].map(([point]): readonly Where[] => [publishing, { kind: "point", point, nth: 1 }]);
  const early = pointsFor(passings, Math.max(0, Math.ceil(kills / 2) - late.length)).map((where): readonly Where[] => [where]);
  const atPoints = [...late, ...early].slice(0, Math.ceil(kills / 2));
  const names = [...passings.keys(), ...resumePassings.keys()];
  return Array.from({ length: kills }, (_, number) => {
    const random = randomFrom(hashOf(`${seed} ${pipeline} ${number}`));
    // Some kills come late on purpose: what is published takes a small share of the time.
    const time = (): Where => ({ kind: "time", share: random() < 0.3 ? 0.6 + 0.5 * random() : random() });
    const point = (): Where => ({
      kind: "point",
      point: names[Math.floor(random() * names.length)] ?? "",
      nth: 1 + Math.floor(random() * 4),
    });
    const again =
      random() < 0.25 ? Array.from({ length: 1 + Math.floor(random() * 3) }, () => (random() < 0.6 ? point() : time())) : [];
    // In turn, so that a part of the cases has kills of both kinds.
    const [first = time(), ...then] = (number % 2 === 0 ? atPoints[number / 2] : undefined) ?? [];
    const who = random();
    const by = who < 0.08 ? "two" : who < 0.2 ? "new" : "server";
    return {
      number,
      where: first,
      again: [...then, ...again],
      by,
      settings: Math.floor(random() * 3),
      auto: random() < 0.15,
      torn: random() < 0.1 ? 1 + Math.floor(random() * 2000) : 0,
    };
  });
}

export const textOf = (where: Where): string =>
  where.kind === "point" ? `${where.point}:${where.nth}` : `${Math.round(where.share * 100)} % of the time`;
