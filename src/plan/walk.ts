import { assertNever } from "../common/assert.js";
import { canonicalJson } from "./canonical.js";
import { inputsOf, type LogicalNode, type SourceSpec } from "./nodes.js";

/** Every node once, inputs before the nodes that read them. Does not recurse, so that a plan may be arbitrarily deep. */
export function topological(outputs: readonly LogicalNode[]): LogicalNode[] {
  const done = new Set<LogicalNode>();
  const stack = outputs.map((node) => ({ node, next: 0 })).reverse();
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { readonly node: LogicalNode; next: number };
    const input = done.has(top.node) ? undefined : inputsOf(top.node)[top.next++];
    if (input !== undefined) {
      if (!done.has(input)) stack.push({ node: input, next: 0 });
      continue;
    }
    done.add(top.node);
    stack.pop();
  }
  return [...done];
}

/** The sources of a plan, structurally equal ones once. */
export function sourcesOf(outputs: readonly LogicalNode[]): SourceSpec[] {
  const found = new Map<string, SourceSpec>();
  for (const node of topological(outputs)) {
    if (node.kind === "scan" && !found.has(sourceKey(node.source))) found.set(sourceKey(node.source), node.source);
  }
  return [...found.values()];
}

/** Equal for structurally equal sources. */
export const sourceKey = (source: SourceSpec): string => canonicalJson(source);

/** What a node is and does, in a few words for messages: `filter`, `withColumns`. */
export function stepName(node: LogicalNode): string {
  switch (node.kind) {
    case "scan":
      return `read.${node.source.format}`;
    case "sink":
      return `write.${node.sink.format}`;
    case "aggregate":
      return "agg";
    case "filter":
    case "select":
    case "withColumns":
    case "rename":
    case "drop":
    case "map":
    case "flatMap":
    case "mapBatches":
    case "join":
    case "distinct":
    case "sort":
    case "limit":
    case "dedupe":
    case "window":
    case "sample":
    case "union":
    case "sql":
    case "expect":
    case "number":
      return node.kind;
    default:
      return assertNever(node, "plan node");
  }
}
