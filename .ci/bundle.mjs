/**
 * Bundles what tsc made in dist/ into a few flat files in dist/run/, which is what the package loads: a process of several threads that
 * reads two hundred small modules in each of them spends longer on that than on a short job.
 *
 * Libraries of many small files are bundled as well, each into a folder of dist/run/libraries/ that src/common/library.ts loads from: DuckDB's
 * client takes 0.11 s as it is installed and 0.02 s so, Arrow 0.09 s and 0.01 s, Piscina 0.015 s and 0.005 s, msgpackr (which looks for a native
 * part that is not needed) 0.010 s and 0.001 s.
 */
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { rolldown } from "rolldown";

const target = "dist/run";
const { resolve: find } = createRequire(import.meta.url);

/**
 * Less to parse, while stack traces keep the names of functions. Lines stay as they are: Node prints the whole line that threw an error which nobody
 * catches, and that may not be all of the file.
 */
const readable = { compress: true, mangle: { keepNames: true }, codegen: { removeWhitespace: false } };

/** The native binding belongs to DuckDB's client, not to us: it is taken from where the installed client finds it. */
const bindings = {
  name: "bindings",
  resolveId: (id) => (id === "@duckdb/node-bindings" ? "\0bindings" : null),
  load: (id) =>
    id !== "\0bindings"
      ? null
      : `const { createRequire } = require("node:module");
         module.exports = createRequire(createRequire(__filename).resolve("@duckdb/node-api"))("@duckdb/node-bindings");`,
};

const external = (id) => !id.startsWith(".") && !id.startsWith("/");

const bytecode = {
  name: "bytecode",
  resolveId: (id) => (id.endsWith("/bytecode.js") ? { id: "./bytecode.cjs", external: true } : null),
};

rmSync(target, { recursive: true, force: true });
await bundleOwn();
await bundleLibrary("apache-arrow", { index: "apache-arrow" });
await bundleLibrary("piscina", { index: find("piscina"), worker: join(dirname(find("piscina")), "worker.js") });
await bundleLibrary("@duckdb/node-api", { index: find("@duckdb/node-api") });
await bundleLibrary("acorn", { index: find("acorn") });
await bundleLibrary("msgpackr", { index: join(dirname(find("msgpackr")), "../pack.js") });
escapeBundles();
await bundleBytecode();
// The modules beside the bundles are for types and for benchmarks of single kernels.
for (const folder of ["run", "kernels"]) copyFileSync("src/kernels/kernels.wasm", `dist/${folder}/kernels.wasm`);
chmodSync(`${target}/cli.js`, 0o755);

/** CommonJS: it loads at once where modules load step by step, and its bytecode can be kept. What programs import says so in a few lines. */
async function bundleOwn() {
  await bundleModules({ main: "dist/index.js", commandLine: "dist/cli/main.js" });
  await bundleModules({ workerCode: "dist/worker/worker.js" });
  const names = Object.keys(await import("../dist/index.js"));
  const load = `import { createRequire } from "node:module";\nconst { loadCode } = createRequire(import.meta.url)("./bytecode.cjs");\n`;
  writeFileSync(`${target}/index.js`, `${load}export const { ${names.join(", ")} } = loadCode("main.cjs");\n`);
  writeFileSync(`${target}/cli.js`, `#!/usr/bin/env node\n${load}loadCode("commandLine.cjs");\n`);
  writeFileSync(`${target}/worker.cjs`, `module.exports = require("./bytecode.cjs").loadCode("workerCode.cjs");\n`);
  // Node's loader runs these hooks in a thread of its own, as a module.
  await bundleFile("esm", `${target}/typescriptHooks.js`, { input: "dist/common/typescriptHooks.js", external });
}

/** What bytecode.ts loads holds ASCII alone. */
function escapeBundles() {
  for (const file of bundles()) {
    const text = readFileSync(file, "utf8");
    const escaped = text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    if (escaped !== text) writeFileSync(file, escaped);
  }
}

function bundles() {
  const files = readdirSync(target, { recursive: true }).filter((file) => /\.cjs$|[\\/]index\.js$/.test(file));
  return files.sort().map((file) => join(target, file));
}

/** One for all the bundles of a thread, which know it by its name; it names the whole build. */
async function bundleBytecode() {
  const build = createHash("sha256");
  for (const file of bundles()) build.update(file).update(readFileSync(file));
  const define = { BUILD: JSON.stringify(build.digest("hex").slice(0, 16)) };
  await bundleFile("cjs", `${target}/bytecode.cjs`, { input: "dist/common/bytecode.js", transform: { define } });
}

/** All that a file needs in one. */
async function bundleFile(format, file, options) {
  const bundle = await rolldown({ platform: "node", ...options });
  await bundle.write({ file, format, codeSplitting: false, minify: readable });
  await bundle.close();
}

/** What the first entry needs from its start goes into one file: to find and read a file takes longer than to compile most of ours. */
async function bundleModules(input) {
  const bundle = await rolldown({
    input,
    platform: "node",
    external,
    plugins: [bytecode],
    preserveEntrySignatures: "allow-extension",
  });
  const names = { entryFileNames: "[name].cjs", chunkFileNames: "chunk-[hash].cjs" };
  const [first] = Object.keys(input);
  const { output } = await bundle.generate({ format: "cjs", ...names });
  const needed = neededAtStart(output, `${first}.cjs`);
  const codeSplitting = { groups: [{ name: "start", test: (id) => needed.has(id) }], includeDependenciesRecursively: false };
  const written = { format: "cjs", minify: readable, dynamicImportInCjs: false };
  await bundle.write({ dir: target, ...written, ...names, codeSplitting });
  await bundle.close();
}

/** The modules that a file imports, and those that they import, without what is only loaded later. */
function neededAtStart(output, file) {
  const chunks = new Map(output.filter(({ type }) => type === "chunk").map((chunk) => [chunk.fileName, chunk]));
  const seen = new Set();
  const follow = (name) => {
    if (seen.has(name) || !chunks.has(name)) return;
    seen.add(name);
    chunks.get(name).imports.forEach(follow);
  };
  follow(file);
  return new Set([...seen].flatMap((name) => Object.keys(chunks.get(name).modules)));
}

/** One CommonJS file per entry, in a folder that says so; native addons and what is optional stay outside. */
async function bundleLibrary(name, entries) {
  const folder = join(target, "libraries", name);
  const copied = new Set();
  for (const [entry, file] of Object.entries(entries)) {
    await bundleFile("cjs", join(folder, `${entry}.js`), {
      input: file,
      external: [/^node:/, "@napi-rs/nice"],
      plugins: [{ name: "copied", load: (id) => void (id.startsWith("\0") || copied.add(packageOf(id))) }, bindings],
    });
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }\n');
  writeFileSync(join(folder, "LICENSES.txt"), [...copied].sort().map(licenceOf).join("\n"));
}

function packageOf(file) {
  const [, folder] = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file) ?? [];
  return folder ?? dirname(file);
}

/** The terms that come with a package; a bundle that left them out could not be passed on. */
function licenceOf(folder) {
  if (!existsSync(join(folder, "package.json"))) return "";
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copyright)/i.test(file));
  return [`${name} ${version} (${license})\n`, ...texts.map((file) => readFileSync(join(folder, file), "utf8"))].join("\n");
}
