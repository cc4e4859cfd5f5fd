import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lookUpRows, pageKernels, spreadRows } from "../../../src/kernels/parquetPages.js";
import { type KernelRoom, withRoom } from "../../../src/kernels/kernelRoom.js";
import { decodeHybrid } from "./plainRle.js";

interface Run {
  readonly repeats: boolean;
  readonly values: readonly number[];
}

const runsOf = (bits: number): fc.Arbitrary<Run[]> =>
  fc.array(
    fc.record({
      repeats: fc.boolean(),
      values: fc.array(fc.integer({ min: 0, max: 2 ** bits - 1 }), { minLength: 1, maxLength: 60 }),
    }),
    { maxLength: 5 },
  );

/** Numbers as bits, the lowest one first, by their binary digits. */
function packed(values: readonly number[], bits: number): number[] {
  const digits = values.map((value) => [...value.toString(2).padStart(bits, "0")].reverse().join("")).join("");
  return (digits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt([...byte].reverse().join(""), 2));
}

/** What the runs are as bytes, and which values they hold; groups are filled up with zeros. */
function encoded(runs: readonly Run[], bits: number): { readonly bytes: Uint8Array; readonly values: number[] } {
  const bytes: number[] = [];
  const held: number[] = [];
  for (const { repeats, values } of runs) {
    if (repeats) {
      const [value = 0] = values;
      bytes.push(values.length << 1);
      for (let i = 0; i < bits; i += 8) bytes.push(Math.floor(value / 2 ** i) % 256);
      held.push(...values.map(() => value));
      continue;
    }
    const all = [...values, ...new Array<number>((8 - (values.length % 8)) % 8).fill(0)];
    bytes.push(((all.length / 8) << 1) | 1, ...packed(all, bits));
    held.push(...all);
  }
  return { bytes: Uint8Array.from(bytes), values: held };
}

/** The places that the kernel finds, or null. */
const placesIn = (bytes: Uint8Array, bits: number, count: number, size: number): number[] | null =>
  withRoom((room) => {
    const [from, to] = [room.put(bytes), room.take(count * 4 + 4)];
    if (pageKernels(room).hybridPlaces(from, bytes.length, bits, count, to, size) < 0) return null;
    return [...new Uint32Array(room.view(to, count * 4 + 4).slice().buffer)];
  });

const levelsIn = (bytes: Uint8Array, bits: number, count: number, most: number): { found: number; levels: number[] } =>
  withRoom((room) => {
    const [from, to] = [room.put(bytes), room.take(count)];
    const found = pageKernels(room).hybridBytes(from, bytes.length, bits, count, to, most);
    return { found, levels: [...room.view(to, count)] };
  });

describe("bytes", () => {
  it("are told from others, however many they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 4, maxLength: 70 }), fc.nat(4), (bytes, wanted) => {
        const found = withRoom((room) => {
          const [from, to] = [room.put(bytes), room.take(bytes.length)];
          pageKernels(room).equalBytes(from, bytes.length, wanted, to);
          return [...room.view(to, bytes.length)];
        });
        expect(found).toEqual(Array.from(bytes, (byte) => (byte === wanted ? 1 : 0)));
      }),
    );
  });
});

describe("runs and bit-packed groups", () => {
  it("give back what was packed, whatever the width", () => {
    const cases = fc.integer({ min: 1, max: 32 }).chain((bits) => fc.tuple(fc.constant(bits), runsOf(bits), fc.nat(20)));
    fc.assert(
      fc.property(cases, ([bits, runs, less]) => {
        const { bytes, values } = encoded(runs, bits);
        const fewer = Math.max(0, values.length - less);
        const most = Math.max(0, ...values);
        // Behind the places stands a 0, for who looks one too far.
        expect(placesIn(bytes, bits, values.length, 2 ** 32 - 1 === most ? most : most + 1)).toEqual(
          most === 2 ** 32 - 1 ? null : [...values, 0],
        );
        expect(placesIn(bytes, bits, fewer, 2 ** 32 - 1)?.slice(0, -1) ?? null).toEqual(
          values.slice(0, fewer).includes(2 ** 32 - 1) ? null : values.slice(0, fewer),
        );
        if (values.length === 0) return;
        expect(placesIn(bytes, bits, values.length, most)).toBeNull();
        expect(placesIn(bytes.subarray(0, -1), bits, values.length, 2 ** 32 - 1)).toBeNull();
        expect(placesIn(bytes, bits, values.length + 1, 2 ** 32 - 1)).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  it("give levels as bytes, and how many are the highest", () => {
    const cases = fc.integer({ min: 1, max: 8 }).chain((bits) => fc.tuple(fc.constant(bits), runsOf(bits), fc.nat(20)));
    fc.assert(
      fc.property(cases, fc.boolean(), ([bits, runs, less], isHighest) => {
        const { bytes, values } = encoded(runs, bits);
        const some = values.slice(0, Math.max(0, values.length - less));
        const most = isHighest ? 2 ** bits - 1 : Math.max(0, ...some);
        const { found, levels } = levelsIn(bytes, bits, some.length, most);
        expect(levels).toEqual(some);
        expect(found).toBe(some.filter((level) => level === most).length);
        if (most > 0 && some.includes(most)) expect(levelsIn(bytes, bits, some.length, most - 1).found).toBe(-1);
      }),
      { numRuns: 500 },
    );
  });

  it("of any bytes are what they are value by value, or refused as well", () => {
    const head = fc.constantFrom(2, 3, 5, 7, 16, 255, 128, 0);
    const any = fc.array(fc.oneof(head, fc.integer({ min: 0, max: 255 })), { maxLength: 80 });
    let read = 0;
    fc.assert(
      fc.property(any, fc.integer({ min: 0, max: 24 }), fc.nat(200), (list, bits, count) => {
        const bytes = Uint8Array.from(list);
        const expected = new Int32Array(count);
        const isRead = decodeHybrid(bytes, 0, bytes.length, bits, count, expected);
        const found = placesIn(bytes, bits, count, 2 ** 32 - 1);
        expect(found?.slice(0, -1) ?? null).toEqual(isRead ? [...expected] : null);
        if (isRead && count > 0) read++;
        if (bits > 8) return;
        const { found: ones, levels } = levelsIn(bytes, bits, count, 255);
        expect(ones >= 0).toBe(isRead);
        if (isRead) expect(levels).toEqual([...expected]);
      }),
      { numRuns: 5000 },
    );
    expect(read).toBeGreaterThan(500);
    expect(placesIn(new Uint8Array(100), 33, 1, 1)).toBeNull();
    expect(levelsIn(new Uint8Array(100), 9, 1, 255).found).toBe(-1);
    // Heads that claim more than there could be, groups and a run, and one that does not end.
    expect(placesIn(Uint8Array.of(255, 255, 255, 255, 127, 7), 8, 100, 256)).toBeNull();
    expect(placesIn(Uint8Array.of(254, 255, 255, 255, 127, 7), 8, 3, 256)).toEqual([7, 7, 7, 0]);
    expect(placesIn(new Uint8Array(20).fill(255), 8, 100, 256)).toBeNull();
  });
});

describe("values of a page", () => {
  const rows = fc.array(fc.tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })), { maxLength: 90 });
  const widths = [1, 2, 4, 8, 16];

  const bytesOf = (values: readonly bigint[], width: number): Uint8Array =>
    Uint8Array.from(
      values.flatMap((value) => Array.from({ length: width }, (_, byte) => Number((value >> BigInt(8 * byte)) & 255n))),
    );
  const validOf = (list: readonly (readonly [boolean, bigint])[], room: KernelRoom): number =>
    list.every(([isThere]) => isThere) ? 0 : room.put(Uint8Array.from(list.map(([isThere]) => (isThere ? 1 : 0))));

  it("come to the rows that are there, with 0 in the others", () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(...widths), (list, width) => {
        const live = list.filter(([isThere]) => isThere).map(([, value]) => value);
        const all = list.map(([isThere, value]) => (isThere ? value : 0n));
        withRoom((room) => {
          const valid = validOf(list, room);
          if (valid === 0) return;
          const at = spreadRows(room, { rows: list.length, valid }, room.put(bytesOf(live, width)), width);
          expect([...room.view(at, list.length * width)]).toEqual([...bytesOf(all, width)]);
        });
      }),
    );
  });

  it("are looked up in a dictionary", () => {
    const words = fc.array(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(rows, words, fc.constantFrom(...widths), (list, dictionary, width) => {
        const chosen = list.map(([isThere, value]) => (isThere ? Number(value % BigInt(dictionary.length)) : null));
        const live = chosen.filter((place) => place !== null);
        const all = chosen.map((place) => (place === null ? 0n : (dictionary[place] as bigint)));
        withRoom((room) => {
          const page = { rows: list.length, valid: validOf(list, room) };
          const [places, values] = [room.put(Uint32Array.from([...live, 0])), room.put(bytesOf(dictionary, width))];
          const at = lookUpRows(room, page, places, values, width);
          expect([...room.view(at, list.length * width)]).toEqual([...bytesOf(all, width)]);
          const { codes8, codes16 } = pageKernels(room);
          const codes = chosen.map((place) => place ?? dictionary.length);
          const to = room.take(list.length * 2);
          codes8(places, page.valid, list.length, dictionary.length, to);
          expect([...room.view(to, list.length)]).toEqual(codes);
          codes16(places, page.valid, list.length, dictionary.length, to);
          expect([...new Uint16Array(room.view(to, list.length * 2).slice().buffer)]).toEqual(codes);
        });
      }),
    );
  });
});
