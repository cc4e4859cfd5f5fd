import { assertNever } from "../common/assert.js";
import type { BoundAggregate, BoundSortKey } from "../expr/nodes.js";
import { boundText } from "../expr/text.js";
import { type BoundCheck, type BoundNode, boundInputs } from "../plan/bound.js";
import type { SinkSpec, SourceSpec } from "../plan/nodes.js";
import { type Schema, typeName } from "../schema/types.js";
import type { FirstOfKey, RowOp, Step } from "../task/protocol.js";
import { exchangesRead, type PhysicalPlan, type PlannedStep, type Stage } from "./stages.js";

/** An explained plan: what will run, where, and why. */
export interface Explanation {
  readonly logical: string;
  readonly stages: string;
  readonly physical: PhysicalPlan;
}

export function explain(outputs: readonly BoundNode[], physical: PhysicalPlan): Explanation {
  return { logical: logicalText(outputs), stages: stagesText(physical), physical };
}

export const explanationText = (explanation: Explanation): string =>
  `Logical plan\n${explanation.logical}\n\nStages\n${explanation.stages}\n`;

const names = (schema: Schema): string => schema.map((field) => field.name).join(", ");
const fields = (schema: Schema): string => schema.map((field) => `${field.name}: ${typeName(field.type)}`).join(", ");

/** The tree of the optimised plan; a node that is read several times is written once and referred to as `#n`. */
function logicalText(outputs: readonly BoundNode[]): string {
  const lines: string[] = [];
  const shared = new Map<BoundNode, number>();
  const seen = new Set<BoundNode>();
  const count = (node: BoundNode): void => {
    if (seen.has(node)) {
      if (!shared.has(node)) shared.set(node, shared.size + 1);
      return;
    }
    seen.add(node);
    boundInputs(node).forEach(count);
  };
  outputs.forEach(count);
  const written = new Set<BoundNode>();
  const write = (node: BoundNode, depth: number): void => {
    const mark = shared.get(node);
    const indent = "  ".repeat(depth + 1);
    if (mark !== undefined && written.has(node)) {
      lines.push(`${indent}#${mark} (as above)`);
      return;
    }
    written.add(node);
    lines.push(`${indent}${mark === undefined ? "" : `#${mark} `}${nodeText(node)}`);
    for (const input of boundInputs(node)) write(input, depth + 1);
  };
  for (const output of outputs) write(output, 0);
  return lines.join("\n");
}

function nodeText(node: BoundNode): string {
  switch (node.kind) {
    case "scan": {
      const { spec, files, found } = node.source;
      const some = found === undefined ? "" : `, ${files.length} of ${found} files`;
      return `scan ${spec.format} ${placeText(spec)}${some} [${fields(node.schema)}]`;
    }
    case "filter":
      return `filter ${boundText(node.predicate)}`;
    case "project":
      return `project ${columnsText(node.columns)}`;
    case "map":
    case "flatMap":
    case "mapBatches":
      return `${node.kind} ${node.fn.name} [${fields(node.schema)}]`;
    case "join": {
      const on = node.on.map((pair) => `${node.left.schema[pair.left]?.name} = ${node.right.schema[pair.right]?.name}`);
      const what = node.groups === true ? "put groups beside each other by" : `${node.how} join on`;
      return `${what} ${on.join(", ") || "nothing"} [${names(node.schema)}]`;
    }
    case "aggregate":
      return `aggregate by ${columnsText(node.keys) || "nothing"}: ${aggregatesText(node.aggregates)}`;
    case "mergeAggregate":
      return `merge aggregate by ${names(node.schema.slice(0, node.keyCount)) || "nothing"}: ${node.aggregates.map((one) => one.name).join(", ")}`;
    case "distinct": {
      const keep =
        node.keep === undefined
          ? ""
          : ` keep ${node.keep.which}${node.keep.order.length === 0 ? "" : ` by ${keysText(node.keep.order)}`}`;
      return `distinct ${columnNames(node.columns, node.schema)}${keep}`;
    }
    case "window": {
      const by = node.partition.length === 0 ? "" : ` by ${columnNames(node.partition, node.schema)}`;
      const order = node.order.length === 0 ? "" : ` order ${keysText(node.order)}`;
      const rows = node.frame === null ? "" : ` rows ${node.frame.from ?? "first"} to ${node.frame.to ?? "last"}`;
      return `window${by}${order}${rows}: ${aggregatesText(node.calls)}`;
    }
    case "sample":
      return `sample ${node.fraction} seed ${node.seed} by ${columnNames(node.columns, node.schema)}`;
    case "sort":
      return `sort ${keysText(node.keys)}`;
    case "limit":
      return `limit ${node.count}${node.offset > 0 ? ` offset ${node.offset}` : ""}`;
    case "expect":
      return `expect ${checksText(node.checks)}`;
    case "number":
      return "number rows";
    case "stored":
      return "store rows";
    case "union":
      return `union [${names(node.schema)}]`;
    case "sql":
      return `sql ${JSON.stringify(node.text)} [${fields(node.schema)}]`;
    case "stageInput":
      return `exchange ${node.stage} [${names(node.schema)}]`;
    case "sink":
      return sinkText(node.sink);
    default:
      return assertNever(node, "plan node");
  }
}

function placeText(spec: SourceSpec): string {
  switch (spec.format) {
    case "rows":
      return "rows of the program";
    case "sql":
      return `${JSON.stringify(spec.text)}${spec.database === null ? "" : ` of ${spec.database}`}`;
    default:
      return spec.paths.join(", ");
  }
}

const columnNames = (indexes: readonly number[], schema: Schema): string =>
  indexes.map((index) => schema[index]?.name).join(", ");

const keysText = (keys: readonly BoundSortKey[]): string =>
  keys.map((key) => `${boundText(key.expr)}${key.descending ? " desc" : ""} nulls ${key.nulls}`).join(", ");

function columnsText(columns: readonly { readonly name: string; readonly expr: Parameters<typeof boundText>[0] }[]): string {
  return columns
    .map(({ name, expr }) => (expr.kind === "column" && expr.name === name ? name : `${name} = ${boundText(expr)}`))
    .join(", ");
}

const aggregatesText = (aggregates: readonly BoundAggregate[]): string =>
  aggregates.map((one) => `${one.name} = ${one.fn}(${one.args.map(boundText).join(", ")})`).join(", ");

function sinkText(sink: SinkSpec): string {
  const by = sink.partitionBy.length > 0 ? ` partitioned by ${sink.partitionBy.join(", ")}` : "";
  return `write ${sink.format} ${sink.path}${by}, mode ${sink.mode}`;
}

function stagesText(physical: PhysicalPlan): string {
  return physical.stages.map((stage) => [`  ${stage.id}. ${headText(stage)}`, ...bodyLines(stage)].join("\n")).join("\n");
}

function headText(stage: Stage): string {
  const isQuery = stage.kind === "duckdb" || (stage.kind === "ingest" && stage.source.spec.format === "sql");
  const where = stage.kind === "worker" ? "workers" : isQuery ? "DuckDB" : "main thread";
  return `${stage.name} — in ${where}: ${stage.reason}`;
}

function bodyLines(stage: Stage): string[] {
  switch (stage.kind) {
    case "ingest":
      return [`     exchange ${stage.exchange} <- [${fields(stage.source.schema)}]`];
    case "duckdb": {
      const target = stage.target;
      const head =
        target.kind === "exchange"
          ? `exchange ${target.exchange}`
          : target.kind === "sink"
            ? `output ${target.output}: ${sinkText(target.sink)}`
            : `output ${target.output}: rows`;
      return [
        `     ${head} <-`,
        ...logicalText([stage.node])
          .split("\n")
          .map((line) => `     ${line}`),
      ];
    }
    case "worker": {
      const exchanges = exchangesRead(stage);
      const from = exchanges.length === 0 ? "source" : exchanges.map((one) => `exchange ${one}`).join(", then ");
      return [`     read ${from} [${names(stage.input.schema)}]`, ...stage.steps.map((one, i) => `     ${i}: ${stepText(one)}`)];
    }
    default:
      return assertNever(stage, "stage");
  }
}

function stepText(planned: PlannedStep): string {
  const { step } = planned;
  const from = step.input < 0 ? "" : ` (from ${step.input})`;
  return `${stepBody(step, planned)}${from}`;
}

function stepBody(step: Step, planned: PlannedStep): string {
  switch (step.op) {
    case "rows":
      return step.ops.map(rowOpText).join("; ");
    case "map":
    case "flatMap":
    case "mapBatches":
      return `${step.name} [${fields(step.schema)}]`;
    case "expect": {
      const from = planned.verdicts === undefined ? "" : `, verdicts in exchange ${planned.verdicts.join(", ")}`;
      return `expect ${checksText(step.checks)}${from}`;
    }
    case "number":
      return "number rows";
    case "sample":
      return `sample ${step.fraction} seed ${step.seed} by ${columnNames(step.columns, step.schema)}`;
    case "limit":
      return `limit ${step.count} of each partition`;
    case "topRows":
      return `first ${step.count} of each partition by ${keysText(step.keys)}`;
    case "join": {
      const right =
        planned.build?.kind === "exchange"
          ? `exchange ${planned.build.exchange}`
          : `the ${step.build.scan.source.spec.format} source`;
      const on = step.on.map((pair) => planned.build?.schema[pair.right]?.name).join(", ");
      return `${step.how} join with ${right} on ${on}, ${planned.build?.reason} [${names(step.schema)}]`;
    }
    case "partialAggregate":
      return `aggregate each partition by ${columnsText(step.keys) || "nothing"}: ${aggregatesText(step.aggregates)}`;
    case "groupExchange": {
      const by = columnsText(step.keys) || "nothing";
      return `write exchange ${planned.exchange} in ${step.buckets} buckets by ${by}: ${aggregatesText(step.aggregates)}`;
    }
    case "sortRuns":
      return `write exchange ${planned.exchange} in sorted runs by ${keysText(step.keys)}`;
    case "keyExchange": {
      const by = columnNames(step.keys, step.schema);
      return `write exchange ${planned.exchange} in ${step.buckets} buckets by ${by}${step.first === undefined ? "" : `, ${leftOutText(step.first)}`}`;
    }
    case "window":
      return `write exchange ${planned.exchange}: ${aggregatesText(step.calls)} over ${orderText(step.order)}`;
    case "keepOne":
      return `write exchange ${planned.exchange}: the ${step.which} of each key ${orderText(step.order)}`;
    case "bucketJoin":
      return `write exchange ${planned.exchange}: ${step.how} join of each bucket [${names(step.schema)}]`;
    case "finalAggregate":
      return `aggregate each bucket by ${step.keys.map((key) => key.name).join(", ") || "nothing"} [${names(step.schema)}]`;
    case "exchange":
      return `write exchange ${planned.exchange}`;
    case "sink":
      return `output ${planned.output}: ${sinkText(step.sink)}`;
    default:
      return assertNever(step, "step");
  }
}

const orderText = (keys: readonly BoundSortKey[]): string => (keys.length === 0 ? "in input order" : `by ${keysText(keys)}`);

const checksText = (checks: readonly BoundCheck[]): string =>
  checks
    .map(({ name, condition, rejects }) => {
      const how = condition === null ? "" : `: ${boundText(condition)}`;
      return `${name}${how}${rejects ? " or reject" : ""}`;
    })
    .join("; ");

const rowOpText = (op: RowOp): string =>
  op.kind === "filter" ? `filter ${boundText(op.predicate)}` : `project ${columnsText(op.columns)}`;

/** What an exchange leaves out of rows of which others come first. */
const leftOutText = ({ count, others }: FirstOfKey): string =>
  others === "repeated" ? "without repeats where they are many" : `the first ${count} of each where others are many`;
