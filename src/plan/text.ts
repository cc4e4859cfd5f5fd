import { assertNever } from "../common/assert.js";
import type { AggregateExpr, Expr, NamedExpr, SortKey } from "../expr/nodes.js";
import { exprText } from "../expr/text.js";
import { typeName } from "../schema/types.js";
import { inputsOf, type LogicalNode, type Plan, type SinkSpec, type SourceSpec } from "./nodes.js";
import { topological } from "./walk.js";

/** A plan as a tree, the sink on top. A step that several others read is written once; later mentions name it by number. */
export function planText(plan: Plan): string {
  const uses = new Map<LogicalNode, number>();
  for (const node of topological(plan.outputs)) {
    for (const input of inputsOf(node)) uses.set(input, (uses.get(input) ?? 0) + 1);
  }
  const numbers = new Map<LogicalNode, number>();
  const lines: string[] = [];
  // A stack in place of recursion: a plan may be arbitrarily deep.
  const stack = plan.outputs.map((node) => ({ node, head: "", tail: "" })).reverse();
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { node, head, tail } = top;
    const known = numbers.get(node);
    if (known !== undefined) {
      lines.push(`${head}see [${known}]`);
      continue;
    }
    const shared = (uses.get(node) ?? 0) > 1;
    if (shared) numbers.set(node, numbers.size + 1);
    lines.push(`${head}${nodeText(node)}${shared ? ` [${numbers.get(node)}]` : ""}`);
    const inputs = inputsOf(node);
    const children = inputs.map((input, i) => {
      const isLast = i === inputs.length - 1;
      return { node: input, head: `${tail}${isLast ? "└─ " : "├─ "}`, tail: `${tail}${isLast ? "   " : "│  "}` };
    });
    stack.push(...children.reverse());
  }
  return lines.join("\n");
}

/** One step in one line. */
export function nodeText(node: LogicalNode): string {
  switch (node.kind) {
    case "scan":
      return `read ${sourceText(node.source)}`;
    case "filter":
      return `filter ${exprText(node.predicate)}`;
    case "select":
    case "withColumns":
      return `${node.kind} ${node.columns.map(namedText).join(", ")}`;
    case "rename":
      return `rename ${Object.entries(node.names)
        .map(([from, to]) => `${from} to ${to}`)
        .join(", ")}`;
    case "drop":
      return `drop ${node.names.join(", ")}`;
    case "map":
    case "flatMap":
    case "mapBatches":
      return `${node.kind} ${node.fn.name} to ${node.schema.map((f) => `${f.name}: ${typeName(f.type)}`).join(", ")}`;
    case "join":
      return `join ${node.how} on ${node.on.map(({ left, right }) => (left === right ? left : `${left} = ${right}`)).join(", ")}`;
    case "aggregate": {
      const keys = node.keys.length === 0 ? "" : ` by ${node.keys.map(namedText).join(", ")}`;
      return `aggregate${keys}: ${node.aggregates.map(aggregateText).join(", ")}`;
    }
    case "distinct":
      return node.columns === null ? "distinct" : `distinct ${node.columns.join(", ")}`;
    case "sort":
      return `sort ${node.keys.map(sortText).join(", ")}`;
    case "limit":
      return `limit ${node.count}${node.offset === 0 ? "" : ` after ${node.offset}`}`;
    case "dedupe":
      return `dedupe ${node.columns.join(", ")} keep ${node.keep}${node.orderBy.length === 0 ? "" : ` by ${node.orderBy.map(sortText).join(", ")}`}`;
    case "window":
      return `window${windowText(node)}: ${node.columns.map(aggregateText).join(", ")}`;
    case "sample":
      return `sample ${node.fraction} seed ${node.seed}${node.columns === null ? "" : ` by ${node.columns.join(", ")}`}`;
    case "number":
      return `number rows as ${node.name}`;
    case "union":
      return "union";
    case "expect":
      return `expect ${node.checks.map((check) => check.name).join(", ")}`;
    case "sql":
      return `sql ${oneLine(node.text)}`;
    case "sink":
      return `write ${sinkText(node.sink)}`;
    default:
      return assertNever(node, "plan node");
  }
}

const namedText = ({ name, expr }: NamedExpr): string =>
  expr.kind === "column" && expr.name === name ? name : `${name} = ${exprText(expr)}`;

const aggregateText = ({ name, expr }: { readonly name: string; readonly expr: AggregateExpr }): string =>
  `${name} = ${exprText(expr as Expr)}`;

function windowText({ partitionBy, orderBy, frame }: Extract<LogicalNode, { kind: "window" }>): string {
  const partition = partitionBy.length === 0 ? "" : ` by ${partitionBy.join(", ")}`;
  const order = orderBy.length === 0 ? "" : ` order ${orderBy.map(sortText).join(", ")}`;
  return `${partition}${order}${frame === null ? "" : ` rows ${frame.from ?? "first"} to ${frame.to ?? "last"}`}`;
}

const sortText = ({ expr, descending, nulls }: SortKey): string =>
  `${exprText(expr)}${descending ? " desc" : ""}${nulls === "first" ? " nulls first" : ""}`;

function sourceText(source: SourceSpec): string {
  const columns =
    source.schema === undefined ? "" : ` (${source.schema.map((f) => `${f.name}: ${typeName(f.type)}`).join(", ")})`;
  const rejects = source.onReject === "fail" ? "" : `, ${source.onReject} rejects`;
  const place = placeText(source);
  return `${source.format} ${place}${columns}${rejects}`;
}

function placeText(source: SourceSpec): string {
  switch (source.format) {
    case "rows":
      return "of the program";
    case "sql":
      return `${JSON.stringify(oneLine(source.text))}${source.database === null ? "" : ` of ${JSON.stringify(source.database)}`}`;
    default:
      return source.paths.map((path) => JSON.stringify(path)).join(", ");
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

function sinkText(sink: SinkSpec): string {
  const by = sink.partitionBy.length === 0 ? "" : `, by ${sink.partitionBy.join(", ")}`;
  return `${sink.format} ${JSON.stringify(sink.path)} (${sink.mode}${by})`;
}
