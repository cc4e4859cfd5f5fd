import { Piscina } from "piscina";
import { beside } from "../common/beside.js";
import { MillraceError } from "../common/errors.js";
import type { TaskAnswer, TaskResult, TaskSpec } from "../task/protocol.js";

export interface PoolOptions {
  readonly workers: number;
  /** Heap limit of one worker, in MiB. */
  readonly workerHeapMb: number;
}

/** The worker threads. They start when first needed and stay until `close`. */
export class WorkerPool {
  private piscina: Piscina | null = null;

  constructor(private readonly options: PoolOptions) {}

  /**
   * Runs one task on the next free worker.
   * @throws MillraceError as the task reports it; Resource/WORKER_DIED when its thread ends.
   */
  async run(task: TaskSpec): Promise<TaskResult> {
    let answer: TaskAnswer;
    try {
      answer = (await this.start().run(task, { name: "runTask" })) as TaskAnswer;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      throw new MillraceError(
        "Resource",
        "WORKER_DIED",
        `the worker of ${task.stageName}, partition ${task.partition}, ended: ${cause}`,
        {
          partition: task.partition,
          stage: task.stageName,
          hint: "Give the engine more memory, or look into the function that the stage runs.",
          cause: error,
        },
      );
    }
    if (!answer.ok) throw MillraceError.fromData(answer.error);
    return answer.result;
  }

  async close(): Promise<void> {
    const { piscina } = this;
    this.piscina = null;
    await piscina?.destroy();
  }

  private start(): Piscina {
    this.piscina ??= new Piscina({
      filename: beside("worker", "worker.js").href,
      minThreads: 0,
      maxThreads: this.options.workers,
      idleTimeout: 2 ** 31 - 1,
      atomics: "disabled",
      resourceLimits: { maxOldGenerationSizeMb: this.options.workerHeapMb },
      recordTiming: false,
    });
    return this.piscina;
  }
}
