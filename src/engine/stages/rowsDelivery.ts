import type { Batch } from "../../batch/column.js";
import { readBlocks } from "../../exchange/openPart.js";
import { ReadMemory } from "../../exchange/readMemory.js";
import type { PlannedOutput, WorkerStage } from "../../planner/stages.js";
import type { FileWritten } from "../../task/protocol.js";
import type { RunContext } from "../context.js";
import type { RowsConsumer } from "../execution.js";
import type { CheckFindings } from "./checkFindings.js";
import type { DuckDbRunner } from "./duckdbStage.js";
import type { RowsReceiver } from "./workerStage.js";

/** Hands the rows of outputs without a sink to who asked for them: the program, or the checks. */
export class RowsDelivery {
  /** Exchanges whose rows were handed over while they were made. */
  private readonly received = new Set<number>();

  constructor(
    private readonly outputs: readonly PlannedOutput[],
    private readonly checks: CheckFindings,
    private readonly onRows: RowsConsumer | null,
  ) {}

  /** The rows of a run that begins anew are given from the first on. */
  begin(): void {
    for (const [index, output] of this.outputs.entries())
      if (output.kind === "rows" && !this.checks.owns(index)) this.onRows?.begin(output.schema);
  }

  /** Rows go to the program as partitions end: a consumer of one batch after the other sets the pace of the scan, and one that keeps them is done sooner. */
  receiverOf(stage: WorkerStage, context: RunContext): RowsReceiver | null {
    const { onRows } = this;
    if (onRows === null) return null;
    const output = this.outputs.find((one, i) => one.kind === "rows" && one.blocks === true && !this.checks.owns(i));
    const exchange = output?.kind === "rows" ? output.exchange : null;
    if (exchange === null || !stage.steps.some((step) => step.exchange === exchange)) return null;
    this.received.add(exchange);
    const take = async (files: readonly FileWritten[]): Promise<void> => {
      const paths = files.map((file) => file.path);
      for (const batch of readBlocks(paths, new ReadMemory())) {
        context.throwIfStopped();
        await onRows.batch(batch);
      }
      context.releaseHeld(paths);
    };
    return { exchange, take };
  }

  /** Rows that workers wrote to an exchange are read back in order. */
  async deliver(context: RunContext, duckdb: DuckDbRunner): Promise<void> {
    const { checks, onRows } = this;
    for (const [index, output] of this.outputs.entries()) {
      if (output.kind !== "rows" || output.exchange === null || (onRows === null && !checks.owns(index))) continue;
      if (this.received.has(output.exchange)) continue;
      const deliver = (batch: Batch) => {
        context.throwIfStopped();
        return checks.owns(index) ? checks.take(index, batch) : onRows?.batch(batch);
      };
      if (output.blocks === true) {
        const paths = context.exchangeFiles(output.exchange).map((file) => file.path);
        for (const batch of readBlocks(paths, new ReadMemory())) await deliver(batch);
      } else await duckdb.readExchange(output.exchange, output.schema, deliver);
    }
  }
}
