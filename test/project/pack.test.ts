import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");

interface Package {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}
const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Package;

let project = "";
let packed: string[] = [];

/**
 * A project that has nothing but the packed package and the dependencies it declares. They are linked rather than installed, so that no
 * network is needed; what the package uses without declaring it is not there.
 */
beforeAll(() => {
  if (!existsSync(join(root, "dist/run/index.js"))) throw new Error("dist/ is missing: run npm run build first");
  project = mkdtempSync(join(tmpdir(), "millrace-pack-"));
  const output = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], { cwd: root });
  const [pack] = JSON.parse(output.toString()) as { filename: string; files: { path: string }[] }[];
  packed = (pack?.files ?? []).map(({ path }) => path);
  const modules = join(project, "node_modules");
  mkdirSync(join(modules, "millrace"), { recursive: true });
  execFileSync("tar", ["xzf", join(project, pack?.filename ?? ""), "--strip-components=1", "-C", join(modules, "millrace")]);
  for (const name of Object.keys(own.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name), "dir");
  }
  writeFileSync(join(project, "package.json"), '{ "name": "consumer", "private": true, "type": "module" }');
  writeFileSync(join(project, "sales.csv"), "store,units\na,1\nb,2\na,3\n");
}, 360_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

function node(env: Readonly<Record<string, string>>, ...args: string[]) {
  const options = { cwd: project, encoding: "utf8", timeout: 60_000, env: { ...process.env, ...env } } as const;
  const ended = spawnSync(process.execPath, args, options);
  return { code: ended.status, out: ended.stdout, err: ended.stderr };
}
const cli = (...args: string[]) => node({}, "node_modules/millrace/dist/run/cli.js", ...args);

const planText = `
import { read, sum, udf } from "millrace";
const twice = udf((n) => n * 2, { returns: "int32" });
export default ({ out = "out" } = {}) =>
  read.csv("sales.csv", { schema: { store: "utf8", units: "int32" } })
    .withColumns((c) => ({ twice: twice(c.units) }))
    .groupBy("store")
    .agg((c) => ({ units: sum(c.twice) }))
    .write.csv(out + "/result", { mode: "overwrite" });
`;

describe("the packed package", () => {
  it("holds what runs and what people read, and nothing else", () => {
    for (const file of [
      "dist/run/index.js",
      "dist/index.d.ts",
      "dist/run/worker.cjs",
      "dist/run/kernels.wasm",
      "dist/run/cli.js",
    ]) {
      expect(packed).toContain(file);
    }
    for (const file of ["README.md", "LICENSE", "CHANGELOG.md", "package.json"]) expect(packed).toContain(file);
    expect(packed.filter((file) => file.includes("/") && !file.startsWith("dist/"))).toEqual([]);
    expect(packed.filter((file) => /\.test\.|native-bench|\/assembly\//.test(file))).toEqual([]);
  });

  it("runs a plan with a function in the workers", () => {
    writeFileSync(join(project, "plan.mjs"), planText);
    writeFileSync(
      join(project, "program.mjs"),
      `import { Engine } from "millrace";
       import plan from "./plan.mjs";
       const engine = await Engine.create({ workers: 1, memory: "256MB" });
       const result = await engine.run(plan({ out: "program" }));
       await engine.close();
       console.log(JSON.stringify({ status: result.status, rows: result.outputs[0].rows }));`,
    );
    const { code, out, err } = node({}, "program.mjs");
    expect(err).toBe("");
    expect(JSON.parse(out)).toEqual({ status: "success", rows: 2 });
    expect(code).toBe(0);
  });

  it("keeps the bytecode of its files beside them, and does without", () => {
    const cache = join(project, "node_modules/millrace/dist/run/cache");
    const kept = () =>
      existsSync(cache)
        ? readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((file) => statSync(join(cache, file)).isFile())
        : [];
    const program = (env: Readonly<Record<string, string>> = {}) => {
      const ended = node(env, "program.mjs");
      expect(ended).toMatchObject({ code: 0, err: "" });
      expect(JSON.parse(ended.out)).toEqual({ status: "success", rows: 2 });
    };
    rmSync(cache, { recursive: true, force: true });
    program({ NODE_DISABLE_COMPILE_CACHE: "1" });
    program({ NODE_V8_COVERAGE: join(project, "coverage") });
    expect(kept()).toEqual([]);
    program();
    const [main, worker] = ["main", "workerCode"].map((name) => kept().find((file) => file.endsWith(`${name}.cjs.bytecode`)));
    expect(kept().every((file) => file.endsWith(".bytecode"))).toBe(true);
    const files = kept().map((file) => ({ file, ...statSync(join(cache, file)) }));
    program();
    for (const { file, mtimeMs, ino } of files) expect(statSync(join(cache, file))).toMatchObject({ mtimeMs, ino });
    // With other flags, V8 takes bytecode of its own.
    program({ NODE_OPTIONS: "--stack-trace-limit=5" });
    expect(kept().length).toBe(2 * files.length);
    for (const { file, mtimeMs, ino } of files) expect(statSync(join(cache, file))).toMatchObject({ mtimeMs, ino });
    // What is no bytecode, or that of another file, V8 refuses.
    writeFileSync(join(cache, main ?? ""), "no bytecode");
    copyFileSync(join(cache, files.find(({ file }) => file.includes("piscina"))?.file ?? ""), join(cache, worker ?? ""));
    program();
    // Nor does it matter where nothing can be written.
    rmSync(cache, { recursive: true });
    writeFileSync(cache, "");
    program();
    rmSync(cache);
  });

  it("shows an error that nobody catches on a screen: Node prints the line that threw", () => {
    writeFileSync(join(project, "wrong.mjs"), `import { read } from "millrace"; read.csv("sales.csv").limit("3");`);
    const { code, err } = node({}, "wrong.mjs");
    expect(err).toContain("INVALID_ARGUMENT");
    expect(err).toMatch(/wrong\.mjs:1:/);
    expect(Math.max(...err.split("\n").map(({ length }) => length))).toBeLessThan(400);
    expect(code).toBe(1);
  });

  it("has a command line that says its version and examines the machine", () => {
    expect(cli("--version")).toEqual({ code: 0, out: `${own.version}\n`, err: "" });
    const { code, out } = cli("doctor", "--json");
    const findings = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { name: string; level: string; detail: string });
    expect(findings.filter(({ level }) => level === "fail")).toEqual([]);
    expect(findings.map(({ name }) => name)).toEqual(["node", "cores", "memory", "temp", "wasm", "duckdb", "workers"]);
    expect(code).toBe(0);
  });

  it("runs, explains and previews a TypeScript plan file", () => {
    writeFileSync(
      join(project, "plan.ts"),
      planText.replace('({ out = "out" } = {})', '({ out = "out" }: { out?: string } = {})').replace("(n)", "(n: number)"),
    );
    const run = cli("run", "plan.ts", "--set", "out=from-cli", "--workers", "1");
    expect(run).toMatchObject({ code: 0, out: "" });
    expect(existsSync(join(project, "from-cli/plan.report.json"))).toBe(true);
    const events = cli("run", "plan.ts", "--json", "--workers", "1").out.trim().split("\n");
    const kinds = events.map((line) => JSON.parse(line) as { schemaVersion: number; kind: string });
    expect(kinds[0]).toMatchObject({ schemaVersion: 1, kind: "run-started" });
    expect(kinds.at(-1)).toMatchObject({ kind: "result", status: "success" });
    expect(cli("explain", "plan.ts")).toMatchObject({ code: 0, out: expect.stringMatching(/worker/i) });
    const preview = cli("preview", "plan.ts");
    expect(preview.out).toMatch(/^store +units\n/);
    expect(preview.out).toMatch(/^a +8$/m);
    expect(cli("preview", "sales.csv", "--rows", "1").out).toMatch(/^a +1$/m);
  });

  it("has types that a strict project can use, and that refuse a wrong column", () => {
    const good = `import { read } from "millrace";\nexport const d = read.csv("x", { schema: { a: "int32" } }).filter((c) => c.a.gt(0));\n`;
    writeFileSync(join(project, "good.ts"), good);
    writeFileSync(join(project, "bad.ts"), good.replace("c.a.gt", "c.b.gt"));
    const options = ["--noEmit", "--strict", "--module", "NodeNext", "--target", "ES2022", "--skipLibCheck", "--types", ""];
    const check = (file: string) =>
      spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...options, file], {
        cwd: project,
        encoding: "utf8",
      });
    expect(check("good.ts").stdout).toBe("");
    expect(check("bad.ts").stdout).toMatch(/Property 'b' does not exist/);
  });
});
