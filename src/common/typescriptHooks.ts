import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** Module hooks that Node calls in its loader thread; see typescript.ts. */

interface Resolved {
  readonly url: string;
  readonly format?: string | null;
  readonly shortCircuit?: boolean;
}

interface Loaded {
  readonly format: string;
  readonly source: string;
  readonly shortCircuit: true;
}

interface ResolveContext {
  readonly parentURL?: string;
}

interface LoadContext {
  readonly format?: string | null;
}

interface Amaro {
  transformSync(
    source: string,
    options: { readonly mode: "strip-only" | "transform"; readonly filename?: string },
  ): { readonly code: string };
}

// The package has no type declarations.
const amaro = createRequire(import.meta.url)("amaro") as Amaro;

const typescript = /\.([mc]?)ts$/;

/** `./x.js` in a TypeScript file may mean `./x.ts`, which is how TypeScript itself wants imports written. */
export async function resolve<R extends Resolved>(
  specifier: string,
  context: ResolveContext,
  next: (specifier: string, context: ResolveContext) => Promise<R>,
): Promise<R> {
  try {
    return await next(specifier, context);
  } catch (error) {
    const written = specifier.replace(/\.([mc]?)js$/, ".$1ts");
    const fromTypeScript = context.parentURL !== undefined && typescript.test(withoutQuery(context.parentURL));
    if (!isNotFound(error) || written === specifier || !fromTypeScript) throw error;
    try {
      return await next(written, context);
    } catch {
      throw error;
    }
  }
}

const isNotFound = (error: unknown): boolean => (error as { readonly code?: unknown } | null)?.code === "ERR_MODULE_NOT_FOUND";

const withoutQuery = (url: string): string => url.replace(/[?#].*$/s, "");

/** TypeScript without its types. A .cts file is CommonJS; the others are ES modules, whatever the package says. */
export async function load<R>(
  url: string,
  context: LoadContext,
  next: (url: string, context: LoadContext) => Promise<R>,
): Promise<R | Loaded> {
  const match = typescript.exec(withoutQuery(url));
  if (match === null || !url.startsWith("file:")) return next(url, context);
  const filename = fileURLToPath(withoutQuery(url));
  const code = removeTypes(await readFile(filename, "utf8"), filename);
  return { format: match[1] === "c" ? "commonjs" : "module", source: code, shortCircuit: true };
}

/** Removing keeps every position; enums, namespaces and parameter properties need a rewrite. */
function removeTypes(source: string, filename: string): string {
  try {
    return amaro.transformSync(source, { mode: "strip-only", filename }).code;
  } catch (stripping) {
    try {
      return amaro.transformSync(source, { mode: "transform", filename }).code;
    } catch (transforming) {
      throw new SyntaxError(`${filename} cannot be read as TypeScript:\n${textOf(transforming)}`, { cause: stripping });
    }
  }
}

const textOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
