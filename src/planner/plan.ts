import { required } from "../common/assert.js";
import { aggregateFunction } from "../functions/registry.js";
import { formSchema, sortedSchema } from "../kernels/groupForms.js";
import { consumerCounts, topological, withInputs } from "../optimize/rewrite.js";
import { type BoundNode, boundInputs, type ResolvedSource } from "../plan/bound.js";
import type { Bound, BoundAggregate } from "../expr/nodes.js";
import { usesUserFunction } from "../expr/walk.js";
import { isFallible } from "../functions/bind.js";
import type { Field, Schema } from "../schema/types.js";
import type { RowOp, Step } from "../task/protocol.js";
import { broadcastHow, type JoinNode } from "./broadcast.js";
import { type AggregateNode, bucketCount } from "./groupStages.js";
import { fitsBlocks } from "../exchange/codec.js";
import { hoistComputed } from "./hoist.js";
import { defaultBroadcastBytes, type Placement, placeNodes, type RowFailures } from "./placement.js";
import { inOrder } from "./stageOrder.js";
import type {
  DuckDbStage,
  Exchange,
  PhysicalPlan,
  PlannedBuild,
  PlannedOutput,
  PlannedStep,
  Stage,
  WorkerStage,
} from "./stages.js";

/** Where in a worker stage the rows of a node are: after step `step`, or the scan itself where that is -1. */
interface Pipe {
  readonly stage: DraftStage;
  readonly step: number;
}

interface DraftStage {
  readonly id: number;
  name: string;
  readonly reason: string;
  readonly input: WorkerStage["input"];
  readonly steps: PlannedStep[];
}

/** Bytes of input for each task, where nobody says otherwise. */
const defaultPartitionBytes = 32 * 2 ** 20;

/**
 * Cuts an optimised plan into stages. Pure: the same plan gives the same stages.
 * Row-wise work is gathered into one worker stage per source; everything else becomes DuckDB queries over exchanges.
 */
export function planStages(
  outputs: readonly BoundNode[],
  failures: RowFailures = "failQuery",
  broadcastBytes = defaultBroadcastBytes,
  partitionBytes = defaultPartitionBytes,
): PhysicalPlan {
  const needsWorker = (expr: Bound) => usesUserFunction(expr) || (failures === "rejectRows" && isFallible(expr));
  return new StagePlanner(hoistComputed(outputs, needsWorker), failures, broadcastBytes, partitionBytes).plan();
}

class StagePlanner {
  private readonly placed: ReadonlyMap<BoundNode, Placement>;
  private readonly consumers: ReadonlyMap<BoundNode, number>;
  private readonly stages: (DraftStage | Stage)[] = [];
  private readonly exchanges: Exchange[] = [];
  private readonly pipes = new Map<BoundNode, Pipe>();
  private readonly materialised = new Map<BoundNode, number>();
  private readonly queries = new Map<BoundNode, BoundNode>();

  constructor(
    private readonly outputs: readonly BoundNode[],
    failures: RowFailures,
    broadcastBytes: number,
    private readonly partitionBytes: number,
  ) {
    this.placed = placeNodes(outputs, failures, broadcastBytes);
    this.consumers = consumerCounts(outputs);
  }

  plan(): PhysicalPlan {
    const planned = this.outputs.map((node, output) => this.output(node, output));
    const stages = this.stages.map((stage): Stage => ("kind" in stage ? stage : { kind: "worker", ...stage }));
    return { stages: inOrder(stages), exchanges: this.exchanges, outputs: planned };
  }

  private where(node: BoundNode): Placement {
    return required(this.placed.get(node), "placement");
  }

  private output(node: BoundNode, output: number): PlannedOutput {
    const rows = node.kind === "sink" ? node.input : node;
    const sink = node.kind === "sink" ? node.sink : null;
    if (this.where(rows).where === "worker" && sink?.format !== "duckdb") {
      const pipe = this.pipe(rows);
      if (sink === null) {
        if (!fitsBlocks(rows.schema))
          return { kind: "rows", schema: rows.schema, exchange: this.writeExchange(pipe, rows.schema) };
        return { kind: "rows", schema: rows.schema, exchange: this.writeExchange(pipe, rows.schema, "blocks"), blocks: true };
      }
      const step: Step = { op: "sink", input: pipe.step, name: `write ${sink.format}`, sink, directory: "" };
      pipe.stage.steps.push({ step, exchange: null, output, build: null });
      return { kind: "sink", sink, schema: rows.schema };
    }
    const query = this.query(rows);
    const target: DuckDbStage["target"] = sink === null ? { kind: "rows", output } : { kind: "sink", output, sink };
    this.addQuery(rows, query, target);
    return sink === null ? { kind: "rows", schema: rows.schema, exchange: null } : { kind: "sink", sink, schema: rows.schema };
  }

  // --- worker side ---

  /** The worker pipeline that delivers a node's rows; made once, so that consumers share it. */
  private pipe(node: BoundNode): Pipe {
    const known = this.pipes.get(node);
    if (known !== undefined) return known;
    const made = this.makePipe(node);
    this.pipes.set(node, made);
    return made;
  }

  private makePipe(node: BoundNode): Pipe {
    if (this.where(node).where === "duckdb" || node.kind === "stageInput") return this.pipeFromQuery(node);
    switch (node.kind) {
      case "scan":
        if (node.source.spec.format === "rows") return this.pipeFromQuery(node);
        return this.newStage(`scan ${node.source.spec.format}`, this.where(node).reason, {
          kind: "source",
          source: node.source,
          schema: node.schema,
        });
      case "filter":
        return this.addRowOp(node, { kind: "filter", predicate: node.predicate });
      case "project":
        return this.addRowOp(node, { kind: "project", columns: node.columns });
      case "map":
      case "flatMap":
      case "mapBatches": {
        const input = this.pipe(node.input);
        const { kind: op, fn, schema } = node;
        return this.addStep(input.stage, { op, input: input.step, name: `${op} ${fn.name}`, fn, schema });
      }
      case "aggregate":
        return this.aggregateInWorkers(node);
      case "join":
        return this.broadcastJoin(node);
      default:
        throw new TypeError(`a ${node.kind} does not run in workers`);
    }
  }

  /**
   * Partitions write their rows or partial states in buckets of the keys' hash; then each run of buckets is aggregated and sorted; then the sorted
   * runs are merged, so that groups come in the order of their keys. One bucket is in that order by itself.
   */
  private aggregateInWorkers(node: AggregateNode): Pipe {
    const input = this.pipe(node.input);
    const { keys, aggregates, schema } = node;
    const source = input.stage.input.kind === "source" ? input.stage.input.source : null;
    const buckets = bucketCount(source, this.partitionBytes, keys);
    const partial: Step = {
      op: "groupExchange",
      input: input.step,
      name: "group partition",
      keys,
      aggregates,
      buckets,
      file: "",
    };
    const grouped = this.newExchange(formSchema(node, "states"));
    this.addStep(input.stage, partial, grouped.id);
    const merge = this.newStage("aggregate", this.where(node).reason, readBlocks(grouped.id, grouped.schema, "buckets"));
    const sortKey = buckets > 1;
    const sorted = sortKey ? sortedSchema(schema) : schema;
    const name = "aggregate buckets";
    const final = this.addStep(merge.stage, { op: "finalAggregate", input: -1, name, keys, aggregates, sortKey, schema: sorted });
    if (!sortKey) return final;
    const runs = this.writeExchange(final, sorted, "blocks");
    return this.newStage("merge groups", "groups come in the order of their keys", readBlocks(runs, schema, "runs"));
  }

  private newExchange(schema: Schema): Exchange {
    const exchange: Exchange = { id: this.exchanges.length, schema };
    this.exchanges.push(exchange);
    return exchange;
  }

  /** The engine fills in which partitions of the right side there are. */
  private broadcastJoin(node: JoinNode): Pipe {
    const { on, output, schema } = node;
    const how = required(broadcastHow(node), "kind of a broadcast join");
    const build = this.joinBuild(node);
    const input = this.pipe(node.left);
    const source = build.kind === "source" ? build.source : exchangeSource(build.schema);
    const step: Step = {
      op: "join",
      input: input.step,
      name: `${how} join`,
      how,
      on,
      output,
      build: { scan: { source, schema: build.schema }, parts: [] },
      schema,
    };
    input.stage.steps.push({ step, exchange: null, output: null, build });
    return { stage: input.stage, step: input.stage.steps.length - 1 };
  }

  /** A plain Parquet source is read as it is; everything else becomes an exchange first. */
  private joinBuild(node: JoinNode): PlannedBuild {
    const { right } = node;
    const { reason } = this.where(node);
    if (right.kind === "scan" && right.source.spec.format === "parquet" && this.where(right).where === "duckdb") {
      return { kind: "source", source: right.source, schema: right.schema, reason };
    }
    const exchange = this.where(right).where === "worker" ? this.exchangeOf(right) : this.materialise(right);
    return { kind: "exchange", exchange, schema: right.schema, reason };
  }

  private pipeFromQuery(node: BoundNode): Pipe {
    const exchange = node.kind === "stageInput" ? node.stage : this.materialise(node);
    return this.newStage("read exchange", "continues row by row", {
      kind: "exchange",
      exchange,
      schema: node.schema,
    });
  }

  private newStage(name: string, reason: string, input: WorkerStage["input"]): Pipe {
    const stage: DraftStage = { id: this.stages.length, name, reason, input, steps: [] };
    this.stages.push(stage);
    return { stage, step: -1 };
  }

  private addStep(stage: DraftStage, step: Step, exchange: number | null = null): Pipe {
    stage.steps.push({ step, exchange, output: null, build: null });
    return { stage, step: stage.steps.length - 1 };
  }

  /** Filters and projections that follow each other become one loop, unless someone else reads what is between them. */
  private addRowOp(node: Extract<BoundNode, { kind: "filter" | "project" }>, op: RowOp): Pipe {
    const input = this.pipe(node.input);
    const before = input.stage.steps[input.step]?.step;
    const alone = this.consumers.get(node.input) === 1;
    if (before?.op === "rows" && alone) {
      const ops = [...before.ops, op];
      const step: Step = { ...before, name: rowsName(ops), ops, schema: node.schema };
      input.stage.steps[input.step] = { step, exchange: null, output: null, build: null };
      return input;
    }
    return this.addStep(input.stage, { op: "rows", input: input.step, name: rowsName([op]), ops: [op], schema: node.schema });
  }

  private writeExchange(pipe: Pipe, schema: Schema, format?: "blocks"): number {
    const exchange = this.newExchange(schema);
    const blocks = format === undefined ? {} : { format };
    this.addStep(pipe.stage, { op: "exchange", input: pipe.step, name: "write exchange", file: "", ...blocks }, exchange.id);
    return exchange.id;
  }

  // --- DuckDB side ---

  /** A node as DuckDB sees it: over exchanges and native sources only. */
  private query(node: BoundNode): BoundNode {
    const known = this.queries.get(node);
    if (known !== undefined) return known;
    const made = this.makeQuery(node);
    this.queries.set(node, made);
    return made;
  }

  private makeQuery(node: BoundNode): BoundNode {
    if (node.kind === "scan" && node.source.spec.format === "rows") return this.stageInput(this.ingest(node), node.schema);
    if (this.where(node).where === "worker") {
      return this.stageInput(this.exchangeOf(node), node.schema);
    }
    if (node.kind === "aggregate") {
      const split = this.partialAggregate(node);
      if (split !== null) return this.shared(node, split);
    }
    if (node.kind === "limit" && this.where(node.input).where === "worker") return this.shared(node, this.limitFirst(node));
    return this.shared(
      node,
      withInputs(
        node,
        boundInputs(node).map((input) => this.query(input)),
      ),
    );
  }

  /** What several consumers read is computed once, into an exchange. */
  private shared(node: BoundNode, query: BoundNode): BoundNode {
    const cheap = boundInputs(query).length === 0;
    if (cheap || (this.consumers.get(node) ?? 1) < 2) return query;
    return this.stageInput(this.materialiseQuery(node, query), node.schema);
  }

  private stageInput(exchange: number, schema: Schema): BoundNode {
    return { kind: "stageInput", stage: exchange, schema };
  }

  private exchangeOf(node: BoundNode): number {
    const known = this.materialised.get(node);
    if (known !== undefined) return known;
    const exchange = this.writeExchange(this.pipe(node), node.schema);
    this.materialised.set(node, exchange);
    return exchange;
  }

  private materialise(node: BoundNode): number {
    const known = this.materialised.get(node);
    if (known !== undefined) return known;
    const query = this.query(node);
    return query.kind === "stageInput" ? query.stage : this.materialiseQuery(node, query);
  }

  private materialiseQuery(node: BoundNode, query: BoundNode): number {
    const exchange: Exchange = { id: this.exchanges.length, schema: node.schema };
    this.exchanges.push(exchange);
    this.materialised.set(node, exchange.id);
    this.addQuery(node, query, { kind: "exchange", exchange: exchange.id });
    return exchange.id;
  }

  private addQuery(node: BoundNode, query: BoundNode, target: DuckDbStage["target"]): void {
    const inputs = topological([query]).flatMap((one) => (one.kind === "stageInput" ? [one.stage] : []));
    this.stages.push({
      kind: "duckdb",
      id: this.stages.length,
      name: queryName(query),
      reason: this.where(node).where === "worker" ? "DuckDB writes its own tables" : this.where(node).reason,
      node: query,
      inputs: [...new Set(inputs)],
      target,
    });
  }

  private ingest(node: Extract<BoundNode, { kind: "scan" }>): number {
    const known = this.materialised.get(node);
    if (known !== undefined) return known;
    const { spec } = node.source;
    const exchange: Exchange = { id: this.exchanges.length, schema: node.source.schema };
    this.exchanges.push(exchange);
    this.materialised.set(node, exchange.id);
    this.stages.push({
      kind: "ingest",
      id: this.stages.length,
      name: "take rows",
      reason: "the program hands these rows over",
      dataId: spec.format === "rows" ? spec.id : "",
      source: node.source,
      exchange: exchange.id,
    });
    return exchange.id;
  }

  /** Workers aggregate their partitions first where every aggregate can be merged. */
  private partialAggregate(node: Extract<BoundNode, { kind: "aggregate" }>): BoundNode | null {
    if (this.where(node.input).where !== "worker") return null;
    if (!node.aggregates.every((one) => aggregateFunction(one.fn).partial !== undefined)) return null;
    const pipe = this.pipe(node.input);
    const keyFields = node.schema.slice(0, node.keys.length);
    const schema = [...keyFields, ...node.aggregates.flatMap(stateFields)];
    const step: Step = {
      op: "partialAggregate",
      input: pipe.step,
      name: "aggregate partition",
      keys: node.keys,
      aggregates: node.aggregates,
      schema,
    };
    const exchange = this.writeExchange(this.addStep(pipe.stage, step), schema);
    return {
      kind: "mergeAggregate",
      input: this.stageInput(exchange, schema),
      keyCount: node.keys.length,
      aggregates: node.aggregates,
      schema: node.schema,
    };
  }

  /** No partition needs to deliver more rows than the limit asks for. */
  private limitFirst(node: Extract<BoundNode, { kind: "limit" }>): BoundNode {
    const pipe = this.pipe(node.input);
    const step: Step = {
      op: "limit",
      input: pipe.step,
      name: "limit partition",
      count: node.offset + node.count,
      schema: node.schema,
    };
    const exchange = this.writeExchange(this.addStep(pipe.stage, step), node.schema);
    return { ...node, input: this.stageInput(exchange, node.schema) };
  }
}

/** State columns of one aggregate, as kernels write and DuckDB merges them. */
function stateFields(aggregate: BoundAggregate, index: number): Field[] {
  const call = { args: aggregate.args.map((arg) => arg.type), returns: aggregate.type, options: aggregate.options };
  const states = aggregateFunction(aggregate.fn).partial?.states(call) ?? [];
  return states.map((type, i) => ({ name: `__state_${index}_${i}`, type, nullable: true }));
}

function rowsName(ops: readonly RowOp[]): string {
  return [...new Set(ops.map((op) => op.kind))].join(" + ");
}

function queryName(node: BoundNode): string {
  const names: string[] = [];
  for (const one of topological([node])) {
    if (one.kind === "stageInput" || one.kind === "project") continue;
    const name = one.kind === "mergeAggregate" ? "aggregate" : one.kind === "scan" ? `scan ${one.source.spec.format}` : one.kind;
    if (!names.includes(name)) names.push(name);
  }
  return names.length > 0 ? names.join(", ") : "select";
}

const readBlocks = (exchange: number, schema: Schema, layout: "buckets" | "runs"): WorkerStage["input"] => {
  return { kind: "exchange", exchange, schema, layout };
};

/** Stands for the exchange until its files are there. */
function exchangeSource(schema: Schema): ResolvedSource {
  const spec: ResolvedSource["spec"] = { format: "parquet", paths: [], schema, onReject: "fail", rejectLimits: {} };
  return { spec, files: [], schema, partitionColumns: [], rows: null };
}
