import { existsSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { importProgram } from "../common/typescript.js";
import { MillraceError } from "../index.js";
import type { Parameters } from "./options.js";

/** Whether a path names a file of code rather than of data. */
export const isPlanFile = (path: string): boolean => [".ts", ".mts", ".js", ".mjs", ".cjs"].includes(extname(path).toLowerCase());

/**
 * What a plan file exports: its default export or the one named `plan`; a function is called with the parameters.
 * @throws MillraceError Plan/PLAN_FILE_NOT_FOUND, PLAN_FILE_FAILED, PLAN_NOT_EXPORTED
 */
export async function loadPlanFile(path: string, parameters: Parameters): Promise<unknown> {
  const file = resolve(path);
  if (!existsSync(file)) {
    throw new MillraceError("Plan", "PLAN_FILE_NOT_FOUND", `there is no file ${JSON.stringify(path)}`, {
      file: path,
      hint: "Give the path of a TypeScript or JavaScript file that exports a plan.",
    });
  }
  const module = await fromUserCode(path, "cannot be loaded", () => importProgram(pathToFileURL(file).href) as Promise<Exports>);
  const exported = module.default ?? module.plan;
  if (exported === undefined || exported === null) {
    const names = Object.keys(module).map((name) => JSON.stringify(name));
    throw new MillraceError(
      "Plan",
      "PLAN_NOT_EXPORTED",
      `expected a default export or one named "plan", found ${names.length === 0 ? "no exports" : names.join(", ")}`,
      { file: path, hint: "Write: export default read.csv(…)….write.parquet(…);" },
    );
  }
  const build = exported as (parameters: Parameters) => unknown;
  const plan = typeof exported === "function" ? await fromUserCode(path, "failed", async () => build(parameters)) : exported;
  if (typeof plan === "object" && plan !== null) return plan;
  throw new MillraceError("Plan", "PLAN_NOT_EXPORTED", `expected the exported function to return a plan, found ${typeof plan}`, {
    file: path,
  });
}

interface Exports {
  readonly default?: unknown;
  readonly plan?: unknown;
}

/** Runs the user's code; an error that is not ours is reported as the plan file's. */
async function fromUserCode<T>(file: string, what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const wrapped = new MillraceError("Plan", "PLAN_FILE_FAILED", `${file} ${what}: ${error.message}`, { file, cause: error });
    if (error.stack !== undefined) wrapped.stack = error.stack;
    throw wrapped;
  }
}
