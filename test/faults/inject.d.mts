export declare const operations: readonly [
  "open",
  "read",
  "write",
  "fsync",
  "rename",
  "unlink",
  "mkdir",
  "readdir",
  "stat",
  "truncate",
];
/** What is done with a file. A link counts as a rename: both give a file its name. */
export type Operation = (typeof operations)[number];

/** `DELETE`, `CUT`, `FLIP`: what happens to a file that a task has just closed (operation `close`). `SHORT`: a write that takes half of what it was given, a read that gives half of what is there. */
export type FaultCode = "ENOSPC" | "EIO" | "EMFILE" | "EAGAIN" | "EBUSY" | "SHORT" | "DELETE" | "CUT" | "FLIP";

export interface Fault {
  readonly operation: Operation;
  readonly code: FaultCode;
  /** From 1: the operation that fails, counted over all threads. */
  readonly at: number;
  /** How many operations fail from then on; `Infinity`: all. */
  readonly times: number;
  /** Where a file is cut or one bit of it is changed, in percent of its length. */
  readonly percent?: number;
}

/** From now on the fault waits for its operation. */
export declare function arm(fault: Fault): void;

/** No fault any more. Gives how often it struck. */
export declare function disarm(): number;
