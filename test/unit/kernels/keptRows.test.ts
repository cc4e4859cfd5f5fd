import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { columnReader } from "../../../src/batch/reader.js";
import { accumulatorFor } from "../../../src/kernels/groups/aggregateTable.js";
import { types, type Value } from "../../../src/schema/types.js";
import { arbitraryOf, everyType } from "../batch/values.js";

const plain = (value: Value): Value => (value instanceof Uint8Array ? value.slice() : value);

describe("first and last rows of groups", () => {
  it("are those of the reference, added batch by batch and merged state by state, for every type", () => {
    for (const type of everyType) {
      const row = fc.tuple(fc.nat(5), fc.option(arbitraryOf(type), { freq: 4 }));
      const batches = fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 5 });
      fc.assert(
        fc.property(batches, fc.boolean(), (given, isLast) => {
          const fn = isLast ? "last" : "first";
          const call = { args: [type], returns: type, options: {} };
          const make = () => accumulatorFor(fn, call, [type, types.int64]);
          const [all, merged] = [make(), make()];
          const expected = new Map<number, { readonly value: Value; readonly position: bigint }>();
          const count = 6;
          let position = 0n;
          for (const batch of given) {
            const builder = builderFor(type, batch.length);
            for (const [, value] of batch) builder.append(value);
            const column = builder.finish();
            const groups = Int32Array.from(batch, ([group]) => group);
            all.add([column], groups, null, count);
            const part = make();
            part.add([column], groups, null, count);
            merged.merge(
              part.finish(count),
              Int32Array.from({ length: count }, (_, g) => g),
              count,
            );
            for (const [group, value] of batch) {
              if (isLast || !expected.has(group)) expected.set(group, { value, position });
              position++;
            }
          }
          const of = (groups: readonly number[], read: (group: number) => Value) => groups.map(read);
          const every = [...Array(count + 2).keys()];
          const [values, positions] = all.finish(count + 2).map(columnReader);
          expect(of(every, (g) => plain(values?.(g) ?? null))).toEqual(every.map((g) => expected.get(g)?.value ?? null));
          expect(of(every, (g) => positions?.(g) ?? null)).toEqual(every.map((g) => expected.get(g)?.position ?? null));
          const result = columnReader(merged.result(count + 2));
          expect(of(every, (g) => plain(result(g)))).toEqual(every.map((g) => expected.get(g)?.value ?? null));
        }),
        { numRuns: 60 },
      );
    }
  });
});
