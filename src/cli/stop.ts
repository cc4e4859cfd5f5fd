import { signalExitCode, type StopSignal } from "./exitCodes.js";

/** A run that SIGINT and SIGTERM can stop. */
export interface Stop {
  readonly signal: AbortSignal;
  /** The signal that asked for the stop, once one did. */
  readonly received: () => StopSignal | null;
  /** Takes the handlers away again. */
  readonly release: () => void;
}

/** The first SIGINT or SIGTERM aborts `signal`, the second ends the process at once. `onFirst` tells people so. */
export function stopOnSignals(onFirst: (signal: StopSignal) => void): Stop {
  const controller = new AbortController();
  let received: StopSignal | null = null;
  const handle = (signal: StopSignal) => {
    if (received !== null) process.exit(signalExitCode(signal));
    received = signal;
    onFirst(signal);
    controller.abort(new Error(`stopped by ${signal}`));
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  return {
    signal: controller.signal,
    received: () => received,
    release: () => {
      process.off("SIGINT", handle);
      process.off("SIGTERM", handle);
    },
  };
}
