import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32After, crc32Before, joinedCrc32, PageChecksums, PageJoiner } from "../../../src/io/sink/sinkChecksum.js";

const bytes = fc.uint8Array({ maxLength: 3000 });

describe("checksums of parts", () => {
  it("give that of the whole, and the whole those of its parts", () => {
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        const both = crc32(Buffer.concat([first, second]));
        expect(joinedCrc32(crc32(first), crc32(second), second.length)).toBe(both);
        expect(crc32Before(both, crc32(second), second.length)).toBe(crc32(first));
        expect(crc32After(both, crc32(first), second.length)).toBe(crc32(second));
      }),
    );
  });

  it("know lengths beyond 32 bits", () => {
    // Zero bytes: a run of them can be joined from halves, whose checksum is that of each other.
    let length = 1;
    let crc = crc32(new Uint8Array(1));
    for (; length < 2 ** 36; length *= 2) crc = joinedCrc32(crc, crc, length);
    const split = 2 ** 35 + 12345;
    const rest = crc32Before(crc, crc32(new Uint8Array(12345)), 12345);
    expect(joinedCrc32(rest, crc32(new Uint8Array(12345)), 12345)).toBe(crc);
    expect(crc32Before(crc, crc32After(crc, 0x1234, split), split)).toBe(0x1234);
  });

  it("of pages give that of all of them", () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), fc.constantFrom(8, 64, 1024), (chunks, pageBytes) => {
        const all = Buffer.concat(chunks);
        const pages = new PageChecksums(pageBytes);
        for (const chunk of chunks) pages.add(chunk);
        expect(pages.total).toBe(crc32(all));
        const each = Array.from({ length: Math.ceil(all.length / pageBytes) }, (_, i) =>
          crc32(all.subarray(i * pageBytes, (i + 1) * pageBytes)),
        );
        expect(pages.all).toEqual(each);
        expect(new PageJoiner(pageBytes).join(each, 0, all.length)).toBe(crc32(all));
        const rest = all.subarray(pageBytes);
        expect(new PageJoiner(pageBytes).join(each, 1, rest.length)).toBe(crc32(rest));
      }),
    );
  });
});
