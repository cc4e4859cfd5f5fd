/**
 * What coordinator and worker share about one attempt of a task, in memory that both see: the worker says how far it is, so that it is known
 * where it was when its thread ended; the coordinator can ask this attempt alone to stop.
 */

/** How far an attempt is. `feeding`: rows are in the steps; `ending`: all rows were read, what is held is flushed. */
export type TaskPhase = "waiting" | "preparing" | "reading" | "feeding" | "ending";

const phases: readonly TaskPhase[] = ["waiting", "preparing", "reading", "feeding", "ending"];

/** 32-bit cells, then one double on an 8-byte border. */
const [stopAt, phaseAt, threadAt, fromAt, rowsAt] = [0, 1, 2, 3, 4];
const startOffset = 24;
const bytes = 32;

export const newTaskControl = (): SharedArrayBuffer => new SharedArrayBuffer(bytes);

/** What an attempt was at, as the coordinator sees it. */
export interface TaskProgress {
  readonly phase: TaskPhase;
  /** Thread that has the task; null while it waits for one. */
  readonly thread: number | null;
  /** When the thread took it, milliseconds since the epoch; 0 before. */
  readonly startMs: number;
  /** In phase `feeding`: the rows at work, by their numbers in the partition as its reader gives them, from 0. */
  readonly from: number;
  readonly rows: number;
}

export function taskProgress(control: SharedArrayBuffer): TaskProgress {
  const cells = new Int32Array(control);
  const phase = phases[Atomics.load(cells, phaseAt)] ?? "waiting";
  const begun = phase !== "waiting";
  return {
    phase,
    thread: begun ? Atomics.load(cells, threadAt) : null,
    startMs: begun ? (new Float64Array(control, startOffset, 1)[0] ?? 0) : 0,
    from: Atomics.load(cells, fromAt),
    rows: Atomics.load(cells, rowsAt),
  };
}

/** Asks the attempt to stop at its next batch. */
export const stopTask = (control: SharedArrayBuffer): void => void Atomics.store(new Int32Array(control), stopAt, 1);

/** The worker's side. Without shared memory it does nothing. */
export class TaskControl {
  private readonly cells: Int32Array | null;

  constructor(private readonly control: SharedArrayBuffer | undefined) {
    this.cells = control === undefined ? null : new Int32Array(control);
  }

  begin(thread: number, nowMs: number): void {
    const { control, cells } = this;
    if (control === undefined || cells === null) return;
    new Float64Array(control, startOffset, 1)[0] = nowMs;
    Atomics.store(cells, threadAt, thread);
    this.enter("preparing");
  }

  enter(phase: TaskPhase): void {
    if (this.cells !== null) Atomics.store(this.cells, phaseAt, phases.indexOf(phase));
  }

  feeding(from: number, rows: number): void {
    const { cells } = this;
    if (cells === null) return;
    Atomics.store(cells, fromAt, from);
    Atomics.store(cells, rowsAt, rows);
    this.enter("feeding");
  }

  get stopped(): boolean {
    return this.cells !== null && Atomics.load(this.cells, stopAt) !== 0;
  }
}
