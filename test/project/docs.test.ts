import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const pages = [
  "README.md",
  "CHANGELOG.md",
  "datasets/README.md",
  ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
]
  .filter((name) => name.endsWith(".md"))
  .map((name) => join(root, name));

describe("the documents", () => {
  it("link to files that exist", () => {
    const broken = pages.flatMap((page) =>
      [...readFileSync(page, "utf8").matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
        .filter(([, target = ""]) => !existsSync(join(dirname(page), target)))
        .map(([, target]) => `${relative(root, page)}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it("name source and test files that exist", () => {
    const broken = pages.flatMap((page) =>
      [...readFileSync(page, "utf8").matchAll(/`((?:src|test|examples|datasets|native-bench|benchmarks)\/[\w./-]*)`/g)]
        .filter(([, target = ""]) => !target.includes("generated") && !existsSync(join(root, target)))
        .map(([, target]) => `${relative(root, page)}: ${target}`),
    );
    expect(broken, "a document that names a file must follow when it moves").toEqual([]);
  });

  it("show the smallest program before line 20", () => {
    const lines = readFileSync(join(root, "README.md"), "utf8").split("\n");
    expect(lines.indexOf("```")).toBeGreaterThan(0);
    expect(lines.indexOf("```")).toBeLessThan(20);
  });

  it("say what depends on what, completely", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const text = readFileSync(join(root, "docs/DEPENDENCIES.md"), "utf8");
    expect(Object.keys(dependencies).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
