import type { ErrorData } from "../index.js";
import { MillraceError } from "../index.js";
import { paint, type Terminal } from "./terminal.js";

/** A wrong use of the command line; exit code 2. */
export function usageError(code: string, message: string, hint?: string): MillraceError {
  return new MillraceError("Config", code, message, hint === undefined ? {} : { hint });
}

/** Whatever was thrown, as data. */
export function errorDataOf(thrown: unknown): ErrorData {
  if (thrown instanceof MillraceError) return thrown.toData();
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const data: ErrorData = { code: "INTERNAL", category: "Internal", message: error.message };
  return error.stack === undefined ? data : { ...data, stack: error.stack };
}

/** `orders.csv:17, byte 1042, column "price", in stage scan`; empty when nothing is known. */
export function placeText(error: ErrorData): string {
  const parts: string[] = [];
  if (error.file !== undefined) parts.push(error.line === undefined ? error.file : `${error.file}:${error.line}`);
  else if (error.line !== undefined) parts.push(`line ${error.line}`);
  if (error.byte !== undefined) parts.push(`byte ${error.byte}`);
  if (error.column !== undefined) parts.push(`column ${JSON.stringify(error.column)}`);
  if (error.stage !== undefined) parts.push(`in stage ${error.stage}`);
  if (error.partition !== undefined) parts.push(`partition ${error.partition}`);
  if (error.rowGroup !== undefined) parts.push(`row group ${error.rowGroup}`);
  return parts.join(", ");
}

/** An error for people: code and message, then place, cause and hint, each on its own line. The stack only when asked for. */
export function printError(terminal: Terminal, error: ErrorData, debug: boolean): void {
  terminal.err(`${paint(terminal, "red", error.code)}: ${printable(error.message)}\n`);
  const place = placeText(error);
  if (place !== "") terminal.err(`  at ${printable(place)}\n`);
  if (error.cause !== undefined && error.cause !== error.message) terminal.err(`  cause: ${printable(error.cause)}\n`);
  if (error.hint !== undefined) terminal.err(`  hint: ${printable(error.hint)}\n`);
  if (debug && error.stack !== undefined) terminal.err(`${paint(terminal, "dim", error.stack)}\n`);
  else if (error.category === "Internal") terminal.err("  This is a bug in Millrace. Run again with --debug for the stack.\n");
}

/** Text that may come from data must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) =>
    c === "\n" || c === "\t" ? c : `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
