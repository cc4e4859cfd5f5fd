import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const { transformSync } = createRequire(import.meta.url)("amaro") as {
  transformSync(source: string, options: { readonly mode: "strip-only" }): { readonly code: string };
};
let folder = "";
let programs = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "millrace-typescript-"));
  const files = {
    "plain.ts": "import { rate } from './rate.js';\nexport const f = (x: number): number => x * rate;\n",
    "rate.ts": "export const rate: number = 3;\n",
    "enum.mts": "export enum Size { small = 1, large }\nexport class P { constructor(readonly x: Size) {} }\n",
    "old.cts": "const answer: number = 42;\nmodule.exports = { answer };\n",
    "throws.ts": "interface A {\n  a: number;\n}\nexport function fail(): never { throw new Error('here'); }\n",
    "broken.ts": "export const = 3;\n",
    "missing.ts": "import './nowhere.js';\n",
  };
  // The modules under test as JavaScript, with the packages they need.
  for (const name of ["bytecode", "typescript", "typescriptHooks"]) {
    const source = await readFile(new URL(`../../../src/common/${name}.ts`, import.meta.url), "utf8");
    await writeFile(path.join(folder, `${name}.js`), transformSync(source, { mode: "strip-only" }).code);
  }
  await writeFile(path.join(folder, "package.json"), '{ "type": "module" }');
  await symlink(fileURLToPath(new URL("../../../node_modules", import.meta.url)), path.join(folder, "node_modules"));
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(folder, name), text)));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Runs a program in a process of its own, where nothing else knows TypeScript. `main` is the body of an async function. */
async function inNode(main: string): Promise<unknown> {
  const program = `
    const { importProgram } = await import("./typescript.js");
    const load = (name) => importProgram(new URL(name, import.meta.url).href);
    console.log(JSON.stringify(await (async () => { ${main} })()));`;
  const file = path.join(folder, `main-${++programs}.mjs`);
  await writeFile(file, program);
  const { stdout } = await run(process.execPath, [file]);
  return JSON.parse(stdout) as unknown;
}

describe("import() of TypeScript", () => {
  test("types go, imports of .js find .ts", async () => {
    expect(await inNode("return (await load('plain.ts')).f(2)")).toBe(6);
  });

  test("enums and parameter properties are rewritten", async () => {
    expect(await inNode("const m = await load('enum.mts'); return [m.Size.large, new m.P(1).x]")).toEqual([2, 1]);
  });

  test(".cts is CommonJS", async () => {
    expect(await inNode("return (await load('old.cts')).default.answer")).toBe(42);
  });

  test("positions stay", async () => {
    const stack = await inNode("const m = await load('throws.ts'); try { m.fail() } catch (error) { return error.stack }");
    expect(stack).toMatch(/throws\.ts:4:39/);
  });

  test("broken files and missing imports are errors that say so", async () => {
    const message = (name: string) => inNode(`return await load('${name}').then(() => '', (error) => error.message)`);
    expect(await message("broken.ts")).toContain("broken.ts");
    expect(await message("missing.ts")).toContain("nowhere.js");
  });
});
