import type { Schema } from "../schema/types.js";
import type { Step } from "../task/protocol.js";
import { inOrder } from "./stageOrder.js";
import type {
  DuckDbStage,
  Exchange,
  IngestStage,
  PhysicalPlan,
  PlannedOutput,
  PlannedStep,
  Stage,
  WorkerStage,
} from "./stages.js";

/** Where in a worker stage the rows of a node are: after step `step`, or the scan itself where that is -1. */
export interface Pipe {
  readonly stage: DraftStage;
  readonly step: number;
}

/** A worker stage that still gets steps. */
export interface DraftStage {
  readonly id: number;
  readonly name: string;
  readonly reason: string;
  readonly input: WorkerStage["input"];
  readonly steps: PlannedStep[];
  readonly again?: true;
}

/** Stages and exchanges of a plan that is being made. */
export class StageDraft {
  private readonly stages: (DraftStage | Stage)[] = [];
  private readonly exchanges: Exchange[] = [];
  /** Whether what is added meets rows a second time. */
  again = false;

  newExchange(schema: Schema): Exchange {
    const exchange: Exchange = { id: this.exchanges.length, schema };
    this.exchanges.push(exchange);
    return exchange;
  }

  newStage(name: string, reason: string, input: WorkerStage["input"]): Pipe {
    const stage: DraftStage = { id: this.stages.length, name, reason, input, steps: [], ...this.mark() };
    this.stages.push(stage);
    return { stage, step: -1 };
  }

  private mark(): { readonly again?: true } {
    return this.again ? { again: true } : {};
  }

  /** A stage that is complete, under the next number. */
  add(stage: Omit<DuckDbStage, "id"> | Omit<IngestStage, "id">): void {
    this.stages.push({ ...stage, id: this.stages.length });
  }

  addStep(stage: DraftStage, step: Step, exchange: number | null = null, verdicts: readonly number[] = []): Pipe {
    const judged = verdicts.length === 0 ? {} : { verdicts };
    stage.steps.push({ step, exchange, output: null, build: null, ...judged, ...this.mark() });
    return { stage, step: stage.steps.length - 1 };
  }

  /** Writes a node's rows as an exchange, and says which. */
  writeExchange(pipe: Pipe, schema: Schema, format?: "blocks"): number {
    const exchange = this.newExchange(schema);
    const blocks = format === undefined ? {} : { format };
    this.addStep(pipe.stage, { op: "exchange", input: pipe.step, name: "write exchange", file: "", ...blocks }, exchange.id);
    return exchange.id;
  }

  finish(outputs: readonly PlannedOutput[]): PhysicalPlan {
    const stages = this.stages.map((stage): Stage => ("kind" in stage ? stage : { kind: "worker", ...stage }));
    return { stages: inOrder(stages), exchanges: this.exchanges, outputs };
  }
}
