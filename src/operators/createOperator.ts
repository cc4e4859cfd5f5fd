import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { assertNever } from "../common/assert.js";
import { compileGrouping, partialAggregations } from "../kernels/groups/aggregate.js";
import type { Schema } from "../schema/types.js";
import type { Step } from "../task/protocol.js";
import { loadFunction } from "../kernels/expressions/userFunction.js";
import { rowsKernel } from "./codedRows.js";
import { FinalAggregateOperator } from "./finalAggregate.js";
import { GroupExchangeOperator } from "./groupExchange.js";
import { LimitOperator } from "./limit.js";
import type { Operator, OperatorContext } from "./operator.js";
import { PartialAggregateOperator } from "./partialAggregate.js";
import { RowsOperator } from "./rows.js";

/** The steps that turn batches into batches; the others write files. */
export type OperatorStep = Exclude<Step, { op: "exchange" | "sink" }>;

/**
 * The operator of a step over an input of this schema: compiles its expressions and loads its functions. What many jobs do without is loaded when
 * a step asks for it: a worker that reads less code is at work sooner.
 */
export async function createOperator(step: OperatorStep, inputSchema: Schema, context: OperatorContext): Promise<Operator> {
  switch (step.op) {
    case "rows":
      return new RowsOperator(await rowsKernel(step, inputSchema, context.interpreted), context);
    case "map":
    case "flatMap":
      return (await import("./mapRows.js")).createMapOperator(step.fn, step.op === "flatMap", inputSchema, step.schema, context);
    case "mapBatches": {
      const { MapBatchesOperator } = await import("./mapBatches.js");
      return new MapBatchesOperator(await loadFunction(step.fn), step.fn.name, step.schema, context);
    }
    case "expect":
      return (await import("./expect.js")).createExpect(step, inputSchema, context);
    case "number":
      return new (await import("./numberRows.js")).NumberOperator(step, context.partition);
    case "sample":
      return new (await import("./sample.js")).SampleOperator(step);
    case "limit":
      return new LimitOperator(step.count);
    case "topRows":
      return new (await import("./topRows.js")).TopRowsOperator(step);
    case "join": {
      const [{ JoinOperator }, { buildSide }] = await Promise.all([import("./join.js"), import("./joinBuild.js")]);
      return new JoinOperator(step, await buildSide(step, context.runId ?? ""));
    }
    case "partialAggregate":
      return new PartialAggregateOperator(await partialAggregations(step, inputSchema, context), context);
    case "groupExchange":
      mkdirSync(dirname(step.file), { recursive: true });
      return new GroupExchangeOperator(step, await compileGrouping(step, inputSchema, context), context);
    case "sortRuns": {
      const { SortRunsOperator, sortKeysOf } = await import("./sortRuns.js");
      mkdirSync(dirname(step.file), { recursive: true });
      return new SortRunsOperator(step, await sortKeysOf(step, inputSchema, context), context);
    }
    case "keyExchange": {
      const { KeyExchangeOperator } = await import("./keyExchange.js");
      mkdirSync(dirname(step.file), { recursive: true });
      return new KeyExchangeOperator(step, context.sharesReader);
    }
    case "window": {
      const { WindowOperator } = await import("./window.js");
      mkdirSync(dirname(step.file), { recursive: true });
      return new WindowOperator(step, inputSchema, context);
    }
    case "keepOne": {
      const { KeepOneOperator } = await import("./keepOne.js");
      mkdirSync(dirname(step.file), { recursive: true });
      return new KeepOneOperator(step, inputSchema, context);
    }
    case "bucketJoin": {
      const { createBucketJoin } = await import("./bucketJoin.js");
      mkdirSync(dirname(step.file), { recursive: true });
      return createBucketJoin(step, inputSchema, context);
    }
    case "finalAggregate":
      return new FinalAggregateOperator(step, context.sharesReader);
    default:
      return assertNever(step, "step");
  }
}
