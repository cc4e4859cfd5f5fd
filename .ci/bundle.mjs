/**
 * Bundles what tsc made in dist/ into a few flat files in dist/run/, which is what the package loads: a process of several threads that
 * reads two hundred small modules in each of them spends longer on that than on a short job.
 */
import { chmodSync, copyFileSync, rmSync } from "node:fs";
import { rolldown } from "rolldown";

rmSync("dist/run", { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    index: "dist/index.js",
    worker: "dist/worker/worker.js",
    cli: "dist/cli/main.js",
    typescriptHooks: "dist/common/typescriptHooks.js",
  },
  platform: "node",
  external: (id) => !id.startsWith(".") && !id.startsWith("/"),
});
await bundle.write({ dir: "dist/run", format: "esm", entryFileNames: "[name].js", chunkFileNames: "chunk-[hash].js" });
await bundle.close();
// The modules beside the bundles are for types and for benchmarks of single kernels.
for (const folder of ["run", "kernels"]) copyFileSync("src/kernels/kernels.wasm", `dist/${folder}/kernels.wasm`);
chmodSync("dist/run/cli.js", 0o755);
