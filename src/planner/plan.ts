import { required } from "../common/assert.js";
import { fitsBlocks } from "../exchange/codec.js";
import type { Bound } from "../expr/nodes.js";
import { usesUserFunction } from "../expr/walk.js";
import { isFallible } from "../functions/bind.js";
import { consumerCounts, topological, withInputs } from "../optimize/rewrite.js";
import { seenInOrder } from "../optimize/rowOrder.js";
import { type BoundNode, boundInputs } from "../plan/bound.js";
import { sourceKey } from "../plan/walk.js";
import type { Schema } from "../schema/types.js";
import type { RowOp, Step } from "../task/protocol.js";
import { broadcastHow, exchangeSource, type JoinNode } from "./broadcast.js";
import { joinInBuckets } from "./bucketJoin.js";
import { type Pipe, StageDraft } from "./draft.js";
import { splitDistinct } from "./distinctCounts.js";
import { type AggregateNode, aggregateInWorkers, mergesInDuckDb, partialInWorkers } from "./groupStages.js";
import { hoistComputed } from "./hoist.js";
import { splitMixed } from "./mixedAggregates.js";
import { defaultBroadcastBytes, placeNodes, type RowFailures } from "./placement.js";
import { distinctInBuckets, windowInWorkers } from "./keyedStages.js";
import { queryName, rowsName } from "./stageNames.js";
import { type SortNode, sortInWorkers, topRowsStep } from "./sortStages.js";
import { isTakenIn, type SeparatePlan, separateVerdicts } from "./verdicts.js";
import type { DuckDbStage, PhysicalPlan, Placement, PlannedBuild, PlannedOutput } from "./stages.js";

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
  const hoisted = hoistComputed(outputs, needsWorker);
  const separate = separateVerdicts(splitMixed(hoisted, () => placeNodes(hoisted, failures, broadcastBytes)));
  return new StagePlanner(separate, failures, broadcastBytes, partitionBytes).plan();
}

class StagePlanner {
  private readonly placed: ReadonlyMap<BoundNode, Placement>;
  private readonly consumers: ReadonlyMap<BoundNode, number>;
  private readonly seenInOrder: ReadonlySet<BoundNode>;
  private readonly draft = new StageDraft();
  private readonly pipes = new Map<BoundNode, Pipe>();
  private readonly materialised = new Map<BoundNode, number>();
  private readonly queries = new Map<BoundNode, BoundNode>();

  private readonly outputs: readonly BoundNode[];
  private readonly again: ReadonlySet<BoundNode>;

  constructor(
    separate: SeparatePlan,
    failures: RowFailures,
    broadcastBytes: number,
    private readonly partitionBytes: number,
  ) {
    const { outputs } = separate;
    this.outputs = outputs;
    this.again = separate.again;
    this.placed = placeNodes(outputs, failures, broadcastBytes);
    this.consumers = consumerCounts(outputs);
    this.seenInOrder = seenInOrder(outputs);
  }

  plan(): PhysicalPlan {
    const planned = this.outputs.map((node, output) => this.output(node, output));
    return this.draft.finish(planned);
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
          return { kind: "rows", schema: rows.schema, exchange: this.draft.writeExchange(pipe, rows.schema) };
        return {
          kind: "rows",
          schema: rows.schema,
          exchange: this.draft.writeExchange(pipe, rows.schema, "blocks"),
          blocks: true,
        };
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
    const made = this.making(node, () => this.makePipe(node));
    this.pipes.set(node, made);
    return made;
  }

  /** Steps that are made for a node are marked where its rows are met a second time. */
  private making<T>(node: BoundNode, make: () => T): T {
    const before = this.draft.again;
    this.draft.again = this.again.has(node);
    const made = make();
    this.draft.again = before;
    return made;
  }

  private makePipe(node: BoundNode): Pipe {
    if (this.where(node).where === "duckdb" || node.kind === "stageInput") return this.pipeFromQuery(node);
    switch (node.kind) {
      case "scan":
        if (isTakenIn(node.source)) return this.pipeFromQuery(node);
        return this.draft.newStage(`scan ${node.source.spec.format}`, this.where(node).reason, {
          kind: "source",
          source: node.source,
          schema: node.schema,
        });
      case "stored":
        return this.draft.newStage("read stored rows", this.where(node).reason, {
          kind: "exchange",
          exchange: this.storedOf(node.input),
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
        return this.draft.addStep(input.stage, { op, input: input.step, name: `${op} ${fn.name}`, fn, schema });
      }
      case "expect": {
        const input = this.pipe(node.input);
        const { kind: op, checks, schema } = node;
        const verdicts = node.verdicts.map((verdict) => this.exchangeOfAny(verdict));
        return this.draft.addStep(input.stage, { op, input: input.step, name: "expect", checks, schema }, null, verdicts);
      }
      case "number": {
        const input = this.pipe(node.input);
        const { kind: op, schema } = node;
        return this.draft.addStep(input.stage, { op, input: input.step, name: "number rows", schema });
      }
      case "sample": {
        const input = this.pipe(node.input);
        const { kind: op, fraction, seed, columns, schema } = node;
        return this.draft.addStep(input.stage, { op, input: input.step, name: "sample", fraction, seed, columns, schema });
      }
      case "aggregate":
        return this.aggregate(node);
      case "sort":
        return sortInWorkers(this.draft, this.pipe(node.input), node);
      case "window":
        return this.window(node);
      case "distinct":
        return distinctInBuckets(this.draft, this.pipe(node.input), node, this.where(node).reason, this.partitionBytes);
      case "join":
        return this.where(node).buckets === true ? this.bucketJoin(node) : this.broadcastJoin(node);
      case "union":
        return this.union(node);
      default:
        throw new TypeError(`a ${node.kind} does not run in workers`);
    }
  }

  private aggregate(node: AggregateNode): Pipe {
    const { reason } = this.where(node);
    const rows = this.pipe(node.input);
    const add = (input: Pipe, one: AggregateNode, ordered: boolean): Pipe =>
      aggregateInWorkers(this.draft, input, one, reason, this.partitionBytes, ordered);
    const split = splitDistinct(node);
    const ordered = this.seenInOrder.has(node);
    return split === null ? add(rows, node, ordered) : add(add(rows, split.inner, false), split.outer, ordered);
  }

  private union(node: Extract<BoundNode, { kind: "union" }>): Pipe {
    const [exchange = 0, ...more] = node.inputs.map((input) => this.storedOf(input));
    return this.draft.newStage("union", this.where(node).reason, { kind: "exchange", exchange, more, schema: node.schema });
  }

  private window(node: Extract<BoundNode, { kind: "window" }>): Pipe {
    const { reason, first = null } = this.where(node);
    return windowInWorkers(this.draft, this.pipe(node.input), node, reason, this.partitionBytes, first);
  }

  /** The exchange with the rows of a node. */
  private storedOf(node: BoundNode): number {
    if (node.kind === "scan" && isTakenIn(node.source)) return this.ingest(node);
    return this.exchangeOfAny(node);
  }

  private exchangeOfAny(node: BoundNode): number {
    return this.where(node).where === "worker" ? this.exchangeOf(node) : this.materialise(node);
  }

  private bucketJoin(node: JoinNode): Pipe {
    const [left, right] = [this.pipe(node.left), this.pipe(node.right)];
    return joinInBuckets(this.draft, left, right, node, this.where(node).reason, this.partitionBytes);
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
    return { kind: "exchange", exchange: this.exchangeOfAny(right), schema: right.schema, reason };
  }

  private pipeFromQuery(node: BoundNode): Pipe {
    const exchange = node.kind === "stageInput" ? node.stage : this.materialise(node);
    return this.draft.newStage("read exchange", "continues row by row", {
      kind: "exchange",
      exchange,
      schema: node.schema,
    });
  }

  /** Filters and projections that follow each other become one loop, unless someone else reads what is between them. */
  private addRowOp(node: Extract<BoundNode, { kind: "filter" | "project" }>, op: RowOp): Pipe {
    const input = this.pipe(node.input);
    const planned = input.stage.steps[input.step];
    const before = planned?.step;
    const alone = this.consumers.get(node.input) === 1 && this.again.has(node.input) === this.again.has(node);
    if (before?.op === "rows" && alone) {
      const ops = [...before.ops, op];
      const step: Step = { ...before, name: rowsName(ops), ops, schema: node.schema };
      input.stage.steps[input.step] = { ...planned, step, exchange: null, output: null, build: null };
      return input;
    }
    return this.draft.addStep(input.stage, {
      op: "rows",
      input: input.step,
      name: rowsName([op]),
      ops: [op],
      schema: node.schema,
    });
  }

  // --- DuckDB side ---

  /** A node as DuckDB sees it: over exchanges and native sources only. */
  private query(node: BoundNode): BoundNode {
    const known = this.queries.get(node);
    if (known !== undefined) return known;
    const made = this.making(node, () => this.makeQuery(node));
    this.queries.set(node, made);
    return made;
  }

  private makeQuery(node: BoundNode): BoundNode {
    if (node.kind === "scan" && isTakenIn(node.source)) return this.stageInput(this.ingest(node), node.schema);
    if (this.where(node).where === "worker") {
      return this.stageInput(this.exchangeOf(node), node.schema);
    }
    if (node.kind === "aggregate") {
      const split = this.where(node.input).where === "worker" && mergesInDuckDb(node);
      if (split) return this.shared(node, partialInWorkers(this.draft, this.pipe(node.input), node));
    }
    if (node.kind === "limit" && this.where(node.input).where === "worker") return this.shared(node, this.limitFirst(node));
    const { top } = this.where(node);
    if (node.kind === "sort" && top !== undefined) return this.topFirst(node, top);
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
    const exchange = this.draft.writeExchange(this.pipe(node), node.schema);
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
    const exchange = this.draft.newExchange(node.schema);
    this.materialised.set(node, exchange.id);
    this.addQuery(node, query, { kind: "exchange", exchange: exchange.id });
    return exchange.id;
  }

  private addQuery(node: BoundNode, query: BoundNode, target: DuckDbStage["target"]): void {
    const inputs = topological([query]).flatMap((one) => (one.kind === "stageInput" ? [one.stage] : []));
    this.draft.add({
      kind: "duckdb",
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
    const exchange = this.draft.newExchange(node.source.schema);
    this.materialised.set(node, exchange.id);
    const { source } = node;
    const stage = { kind: "ingest", source, exchange: exchange.id } as const;
    if (spec.format === "rows") {
      this.draft.add({ ...stage, name: "take rows", reason: "the program hands these rows over", dataId: spec.id });
    } else {
      const reason = "a query is asked once, and its rows are kept for the run";
      this.draft.add({ ...stage, name: "query source", reason, dataId: sourceKey(spec) });
    }
    return exchange.id;
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
    return this.after(node, this.draft.addStep(pipe.stage, step));
  }

  /** No partition needs to deliver rows that come behind as many of its own as are wanted. */
  private topFirst(node: SortNode, count: number): BoundNode {
    const pipe = this.pipe(node.input);
    return this.after(node, this.draft.addStep(pipe.stage, topRowsStep(pipe, node, count)));
  }

  /** A node of DuckDB's over what a pipe delivers, which nobody else reads. */
  private after(node: Extract<BoundNode, { kind: "limit" | "sort" }>, pipe: Pipe): BoundNode {
    return { ...node, input: this.stageInput(this.draft.writeExchange(pipe, node.schema), node.schema) };
  }
}
