import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { errorCodes } from "./errorCodes.js";

const root = resolve(import.meta.dirname, "../..");
const documented = [...readFileSync(join(root, "docs/ERRORS.md"), "utf8").matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map(
  ([, code]) => code,
);

describe("docs/ERRORS.md", () => {
  it("has every code that the source uses", () => {
    const missing = [...errorCodes(root)].filter(([code]) => !documented.includes(code));
    expect(
      missing.map(([code, files]) => `${code} in ${[...files].join(", ")}`),
      "people look codes up there",
    ).toEqual([]);
  });

  it("has no code that nothing uses", () => {
    const used = errorCodes(root);
    expect(documented.filter((code) => code !== undefined && !used.has(code))).toEqual([]);
  });

  it("is sorted and names each code once", () => {
    expect(documented).toEqual([...new Set(documented)].sort());
  });
});
