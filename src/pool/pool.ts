import type * as PiscinaModule from "piscina";
import { beside } from "../common/beside.js";
import { lacksBytecode } from "../common/bytecode.js";
import { MillraceError } from "../common/errors.js";
import { requireLibrary } from "../common/library.js";
import { taskProgress } from "../task/control.js";
import type { TaskAnswer, TaskResult, TaskSpec } from "../task/protocol.js";

export interface PoolOptions {
  readonly workers: number;
  /** What the JavaScript heap of one worker may hold, in bytes. */
  readonly workerHeap: number;
  /** The module that the threads run. Default: the package's own. */
  readonly entry?: URL;
}

type Threads = PiscinaModule.Piscina;

/** CommonJS, always: Node aborts the whole process where a thread is ended while it loads modules of the other kind for Piscina's `require`. */
const ownEntry = (): URL => beside("run", "worker.cjs");
/** What that loads with its bytecode. */
const workerCode = "workerCode.cjs";

/** The worker threads. They start with `warm` or the first task and stay until `close`. */
export class WorkerPool {
  private threads: Threads | null = null;
  /** Ends the wait of every task that is under way. */
  private readonly waiting = new Set<(error: unknown) => void>();
  /** Why the threads of these tasks were ended. */
  private readonly killed = new Map<TaskSpec, MillraceError>();
  /** Whether a thread has ever answered: what fails before that is the code that threads run. */
  private answered = false;

  constructor(private readonly options: PoolOptions) {}

  /** Starts threads ahead of the tasks that will need them, so that they load while the plan is still being made. */
  warm(threads: number): void {
    if (threads > 0) this.start(threads);
  }

  /**
   * Runs one task on the next free worker.
   * @throws MillraceError as the task reports it; Resource/WORKER_DIED when its thread ends, or what `kill` was given; Resource/WORKER_START when
   * no thread could load the code that it runs.
   */
  async run(task: TaskSpec): Promise<TaskResult> {
    let answer: TaskAnswer;
    try {
      answer = await this.ask(this.start(1), task);
    } catch (error) {
      const why = this.killed.get(task);
      if (why !== undefined) throw why;
      throw isLoadFailure(error) ? notStarted(error) : died(error, task);
    } finally {
      this.killed.delete(task);
    }
    this.answered = true;
    if (!answer.ok) throw MillraceError.fromData(answer.error);
    return answer.result;
  }

  /** Threads that nobody waits for, whether they are started yet or not. */
  get idle(): number {
    return Math.max(0, this.options.workers - this.waiting.size);
  }

  /**
   * Ends the thread that has a task, which no flag can stop where it never comes back from a function. The task fails with `why` once the thread
   * has ended; another takes its place. A thread gets its next task only after this one is answered, so no other task is hit. Does nothing for a
   * task without `control`, or that no thread has taken.
   */
  kill(task: TaskSpec, why: MillraceError): void {
    const { control } = task.options;
    const id = control === undefined ? null : taskProgress(control).thread;
    const thread = this.threads?.threads.find(({ threadId }) => threadId === id);
    if (thread === undefined) return;
    this.killed.set(task, why);
    void thread.terminate();
  }

  /** Ends the threads while no task is under way, so that what they keep of their work is given back. The next task starts new ones. */
  async rest(): Promise<void> {
    if (this.waiting.size === 0) await this.close();
  }

  async close(): Promise<void> {
    const { threads } = this;
    this.threads = null;
    if (threads === null) return;
    const isFree = this.answered && this.waiting.size === 0;
    if (isFree && this.options.entry === undefined && lacksBytecode(workerCode)) await keepCode(threads);
    await threads.destroy();
  }

  private ask(threads: Threads, task: TaskSpec): Promise<TaskAnswer> {
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      threads
        .run(task)
        .then(resolve, (error) => {
          // What one thread cannot load, the others cannot either: nobody waits for them.
          if (isLoadFailure(error)) this.giveUp(threads, error);
          reject(error);
        })
        .finally(() => this.waiting.delete(reject));
    });
  }

  private start(atLeast: number): Threads {
    if (this.threads !== null) return this.threads;
    const { Piscina } = requireLibrary("piscina") as typeof PiscinaModule;
    const threads = new Piscina({
      filename: (this.options.entry ?? ownEntry()).href,
      name: "runTask",
      minThreads: Math.min(atLeast, this.options.workers),
      maxThreads: this.options.workers,
      idleTimeout: 2 ** 31 - 1,
      atomics: "disabled",
      resourceLimits: heapResources(this.options.workerHeap),
      recordTiming: false,
      workerHistogram: false,
      trackUnmanagedFds: false,
    });
    // A thread that ends before it took a task leaves no task that failed, and those in the queue would wait for ever. Later it is what a
    // function left behind, which is no matter of other tasks.
    threads.on("error", (error) => {
      if (!this.answered || isLoadFailure(error)) this.giveUp(threads, error);
      else process.emitWarning(`a worker thread ended between tasks: ${messageOf(error)}`, "MillraceWarning");
    });
    threads.on("workerDestroy", () => {
      // Later than the failure of its own task, which says more.
      setImmediate(() => {
        if (threads.threads.length === 0 && threads.queueSize > 0) this.giveUp(threads, new Error("no worker thread is left"));
      });
    });
    this.threads = threads;
    return threads;
  }

  /** The next task finds new threads. */
  private giveUp(threads: Threads, error: unknown): void {
    if (this.threads !== threads) return;
    this.threads = null;
    for (const reject of this.waiting) reject(error);
    void threads.destroy();
  }
}

/**
 * Where V8 ends a thread that does not come back from a function. It gives such a thread 16 MiB more to come to an end in, and aborts the process
 * where that is not enough. So a worker compares its share of the heap itself after every batch, and V8's limit leaves the room in which
 * a map or an array of that size grows by copying itself; and the young generation, which may be moved into the old one at once, is what
 * it is in Node 20: newer ones let it be larger than these 16 MiB can hold.
 */
const heapResources = (share: number) => ({
  maxOldGenerationSizeMb: Math.floor((share + Math.min(2 * share, largestCopy)) / 2 ** 20) + 64,
  maxYoungGenerationSizeMb: 48,
});

/** An array of 2^27 elements, as many as V8 allows, and the half of it that it grew from. */
const largestCopy = 1.5 * 2 ** 30;

/** In the first process after an installation: a thread that is going to be ended has no end of its own at which it could do so. */
const keepCode = (threads: Threads): Promise<unknown> =>
  threads.run(undefined, { name: "saveCode", signal: AbortSignal.timeout(1000) }).catch(() => undefined);

/** A user's module that cannot be loaded is an error of its task; what fails in this way is our own. */
const isLoadFailure = (error: unknown): boolean =>
  error instanceof SyntaxError || /^(?:(?:ERR_)?MODULE_NOT_FOUND|ENOENT|EACCES)$/.test(codeOf(error));

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown } | null)?.code ?? "");

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function notStarted(cause: unknown): MillraceError {
  return new MillraceError("Resource", "WORKER_START", `a worker thread cannot load its code: ${messageOf(cause)}`, {
    hint: "Was the package replaced while the program ran? Install it again and start the program anew.",
    cause,
  });
}

function died(cause: unknown, task: TaskSpec): MillraceError {
  const message = `the worker of ${task.stageName}, partition ${task.partition}, ended: ${messageOf(cause)}`;
  return new MillraceError("Resource", "WORKER_DIED", message, {
    partition: task.partition,
    stage: task.stageName,
    hint: "Give the engine more memory, or look into the function that the stage runs.",
    cause,
  });
}
