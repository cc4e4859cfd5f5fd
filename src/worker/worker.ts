import { toErrorData } from "../common/errors.js";
import { protocolVersion, type TaskAnswer, type TaskSpec } from "../task/protocol.js";
import { HeapUsedUp } from "./heapLimit.js";
import { systemError } from "./systemError.js";
import { executeTask } from "./task.js";

/** The worker's one entry: a task in, its answer out. Errors travel as data, since structured clone strips their class. */
export async function runTask(spec: TaskSpec): Promise<TaskAnswer> {
  if (spec.protocol !== protocolVersion) {
    const message = `worker speaks protocol ${protocolVersion}, the task has ${spec.protocol}`;
    return { ok: false, error: { code: "INTERNAL", category: "Internal", message } };
  }
  try {
    return { ok: true, result: await executeTask(spec) };
  } catch (error) {
    if (error instanceof HeapUsedUp) return endThread(error);
    const data = systemError(error) ?? toErrorData(error);
    return { ok: false, error: { ...data, partition: spec.partition, stage: data.stage ?? spec.stageName } };
  }
}

/** What nobody catches ends the thread, and is told to who waits for its task. */
function endThread(error: Error): Promise<never> {
  setImmediate(() => {
    throw error;
  });
  return new Promise(() => undefined);
}

export { saveCode } from "../common/bytecode.js";
