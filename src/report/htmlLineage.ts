import { bytesText, countText, cut, shortCount, shortPath } from "./format.js";
import { type Html, html } from "./htmlText.js";
import type { RunReportData } from "./model.js";

interface Node {
  readonly key: string;
  readonly title: string;
  readonly detail: string;
  readonly kind: "source" | "stage" | "output";
}

interface Placed extends Node {
  readonly x: number;
  readonly y: number;
}

const [nodeWidth, nodeHeight, gapX, gapY] = [200, 46, 64, 14] as const;

/** From the inputs through the stages to the outputs, left to right. */
export function lineage(report: RunReportData): Html | null {
  const { nodes, edges } = graphOf(report);
  if (nodes.length === 0) return null;
  const depth = depths(nodes, edges);
  const layers = new Map<number, Node[]>();
  for (const node of nodes) {
    const at = depth.get(node.key) ?? 0;
    layers.set(at, [...(layers.get(at) ?? []), node]);
  }
  const tallest = Math.max(...[...layers.values()].map((layer) => layer.length));
  const height = tallest * (nodeHeight + gapY);
  const placed = new Map<string, Placed>();
  for (const [at, layer] of layers) {
    const top = (height - layer.length * (nodeHeight + gapY) + gapY) / 2;
    layer.forEach((node, i) => {
      placed.set(node.key, { ...node, x: at * (nodeWidth + gapX), y: top + i * (nodeHeight + gapY) });
    });
  }
  const width = layers.size * (nodeWidth + gapX) - gapX;
  const words = edges.map(([from, to]) => `${placed.get(from)?.title} to ${placed.get(to)?.title}`).join(", ");
  return html`<svg viewBox="-1 -1 ${width + 2} ${height + 2}" width="${width + 2}" height="${height + 2}" role="img" aria-label="Lineage: ${cut(words, 2000)}">${edges.map((edge) => drawEdge(edge, placed))}${[...placed.values()].map(drawNode)}</svg>`;
}

type Edge = readonly [from: string, to: string];

function graphOf({ execution, quality }: RunReportData): { readonly nodes: Node[]; readonly edges: Edge[] } {
  const nodes: Node[] = [];
  const edges: Edge[] = [];
  const seen = new Set<string>();
  const add = (node: Node) => {
    if (!seen.has(node.key)) nodes.push(node);
    seen.add(node.key);
  };
  for (const flow of execution.flow) {
    const stage = execution.stages.find(({ id }) => id === flow.id);
    const key = `stage ${flow.id}`;
    for (const source of flow.sources) {
      const from = `source ${source.format} ${source.paths.join("\n")}`;
      const files = source.files === 1 ? "1 file" : `${countText(source.files)} files`;
      const title = source.paths.length === 0 ? "rows of the program" : (source.paths[0] ?? "");
      const detail = source.paths.length === 0 ? "" : `${source.format}, ${files}, ${bytesText(source.bytes)}`;
      add({ key: from, title: shortPath(title, 30), detail, kind: "source" });
      edges.push([from, key]);
    }
    const rows = stage === undefined ? "did not run" : `${shortCount(stage.recordsIn)} → ${shortCount(stage.recordsOut)} rows`;
    add({ key, title: stage?.label ?? flow.name, detail: rows, kind: "stage" });
    for (const read of flow.reads) edges.push([`stage ${read}`, key]);
    for (const output of flow.outputs) {
      const to = `output ${output}`;
      const written = execution.outputs[output];
      const detail =
        written === undefined ? "" : `${written.format}, ${shortCount(written.rows)} rows, ${bytesText(written.bytes)}`;
      add({ key: to, title: shortPath(written?.path ?? "rows for the program", 30), detail, kind: "output" });
      edges.push([key, to]);
    }
    if (!flow.checks) continue;
    add({
      key: "checks",
      title: "checks",
      detail: quality === null ? "" : `${quality.checks.length}, ${quality.verdict}`,
      kind: "output",
    });
    edges.push([key, "checks"]);
  }
  return { nodes, edges };
}

/** The longest way to a node; outputs stand last. */
function depths(nodes: readonly Node[], edges: readonly Edge[]): Map<string, number> {
  const depth = new Map(nodes.map((node) => [node.key, 0]));
  // No way is longer than there are nodes.
  for (let round = 0; round < nodes.length; round++) {
    let moved = false;
    for (const [from, to] of edges) {
      const least = (depth.get(from) ?? 0) + 1;
      if ((depth.get(to) ?? 0) >= least) continue;
      depth.set(to, least);
      moved = true;
    }
    if (!moved) break;
  }
  const last = Math.max(...depth.values());
  for (const node of nodes) if (node.kind === "output") depth.set(node.key, last);
  return depth;
}

function drawEdge([from, to]: Edge, placed: ReadonlyMap<string, Placed>): Html | null {
  const [a, b] = [placed.get(from), placed.get(to)];
  if (a === undefined || b === undefined) return null;
  const [x1, y1, x2, y2] = [a.x + nodeWidth, a.y + nodeHeight / 2, b.x, b.y + nodeHeight / 2];
  const bend = (x2 - x1) / 2;
  return html`<path class="edge" d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"/>`;
}

const stripe = { source: "read", stage: "compute", output: "ok" } as const;

function drawNode({ x, y, title, detail, kind }: Placed): Html {
  return html`<rect class="node" x="${x}" y="${y}" width="${nodeWidth}" height="${nodeHeight}" rx="5"/><rect class="${stripe[kind]}" x="${x}" y="${y}" width="4" height="${nodeHeight}" rx="2"/><text class="b" x="${x + 13}" y="${y + 19}">${cut(title, 30)}</text><text class="t" x="${x + 13}" y="${y + 35}">${cut(detail, 34)}</text>`;
}
