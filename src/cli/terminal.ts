/** Where the command line reads and writes; tests hand over their own. */
export interface Terminal {
  /** Data. */
  out(text: string | Uint8Array): void;
  /** Words for people. */
  err(text: string): void;
  /** Whether words go to a terminal, where a line can be overwritten. */
  readonly interactive: boolean;
  readonly columns: number;
  readonly color: boolean;
}

/** The real one. Colour only on a terminal and without `NO_COLOR` (no-color.org: any non-empty value). */
export function processTerminal(): Terminal {
  const interactive = process.stderr.isTTY === true && process.env.TERM !== "dumb";
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    interactive,
    columns: process.stderr.columns || 80,
    color: interactive && (process.env.NO_COLOR ?? "") === "",
  };
}

const codes = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33" } as const;

export function paint(terminal: Terminal, style: keyof typeof codes, text: string): string {
  return terminal.color ? `\u001b[${codes[style]}m${text}\u001b[0m` : text;
}
