import { join } from "node:path";
import { DuckDbSession } from "../duckdb/session.js";
import type { LogicalNode } from "../plan/nodes.js";
import { sourcesOf, topological } from "../plan/walk.js";
import { splitMemory } from "../runtime/memory.js";
import type { EngineSettings } from "./options.js";
import { leavesSql, scansForWorkers } from "./workerScans.js";

/** Where the queries of a run spill to. */
export const spillFolder = (scratch: string): string => join(scratch, "duckdb");

/** The DuckDB session of a run. `scratch` is the run's folder for what is not kept. */
export const openRunSession = (settings: EngineSettings, scratch: string): Promise<DuckDbSession> =>
  DuckDbSession.open({
    memoryBytes: splitMemory(settings.memoryBytes, settings.workers).duckdb,
    threads: settings.workers,
    maxTempBytes: settings.maxDiskBytes,
    tempDirectory: spillFolder(scratch),
  });

/** A session that is opened while the plan is still bound and cut into stages. */
export class EarlySession {
  #session: Promise<DuckDbSession> | null;

  private constructor(session: Promise<DuckDbSession>) {
    this.#session = session;
    // Who takes the session sees why it could not be opened.
    session.catch(() => undefined);
  }

  /** Begins where a plan will most likely be a query alone: all it reads is Parquet, and nothing of it is for workers. */
  static begin(outputs: readonly LogicalNode[], settings: EngineSettings, scratch: string): EarlySession | null {
    const native =
      sourcesOf(outputs).every((source) => source.format === "parquet") &&
      scansForWorkers(outputs).size === 0 &&
      !topological(outputs).some(leavesSql);
    return native ? new EarlySession(openRunSession(settings, scratch)) : null;
  }

  /** The session, to the first who asks; it is theirs to close. */
  take(): Promise<DuckDbSession> | null {
    const session = this.#session;
    this.#session = null;
    return session;
  }

  /** Closes the session if nobody took it. */
  async close(): Promise<void> {
    const session = await this.take()?.catch(() => null);
    session?.close();
  }
}
