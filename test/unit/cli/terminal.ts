import type { Terminal } from "../../../src/cli/terminal.js";

/** A terminal that keeps what was written to it. */
export interface MemoryTerminal extends Terminal {
  outText(): string;
  errText(): string;
}

export function memoryTerminal(options: Partial<Pick<Terminal, "interactive" | "columns" | "color">> = {}): MemoryTerminal {
  let out = "";
  let err = "";
  return {
    interactive: false,
    columns: 80,
    color: false,
    ...options,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    outText: () => out,
    errText: () => err,
  };
}
