import { bytesText, countText, durationText } from "./numbers.js";
import type { Terminal } from "./terminal.js";

/** The part of the engine's progress event that is shown. */
export interface ProgressEvent {
  readonly kind: "progress";
  readonly rows: number;
  readonly bytes: number;
  readonly totalBytes: number;
  /** Rows a second. */
  readonly rate: number;
  readonly etaMs: number | null;
  readonly stage: string | number;
}

const overwriteEveryMs = 100;
const lineEveryMs = 5_000;

/** ` 42 %  4.2 M rows  5.1 M rows/s  ETA 1.1 s  scan sales`. */
export function progressText(event: ProgressEvent): string {
  const known = event.totalBytes > 0;
  const percent = known
    ? `${String(Math.min(100, Math.floor((event.bytes / event.totalBytes) * 100))).padStart(3)} %`
    : bytesText(event.bytes);
  const parts = [percent, `${countText(event.rows)} rows`, `${countText(event.rate)} rows/s`];
  if (event.etaMs !== null && Number.isFinite(event.etaMs)) parts.push(`ETA ${durationText(event.etaMs)}`);
  parts.push(typeof event.stage === "number" ? `stage ${event.stage}` : event.stage);
  return parts.join("  ");
}

/** Shows progress: one line that overwrites itself on a terminal, else a line every few seconds. */
export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  #lastAt: number;
  #shown = false;

  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal;
    this.#now = now;
    this.#lastAt = terminal.interactive ? Number.NEGATIVE_INFINITY : now();
  }

  show(event: ProgressEvent): void {
    const now = this.#now();
    const { interactive, columns } = this.#terminal;
    if (now - this.#lastAt < (interactive ? overwriteEveryMs : lineEveryMs)) return;
    this.#lastAt = now;
    const text = progressText(event);
    if (interactive) {
      this.#shown = true;
      this.#terminal.err(`\r${text.slice(0, columns - 1)}\u001b[K`);
    } else {
      this.#terminal.err(`${text}\n`);
    }
  }

  /** Makes room for other words. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#terminal.err("\r\u001b[K");
  }
}
