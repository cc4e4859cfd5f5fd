import { planError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import { canonicalJson, sha256 } from "./canonical.js";
import type { LogicalNode, Plan } from "./nodes.js";
import { topological } from "./walk.js";

export const planVersion = 1;

/** A node with the numbers of its inputs in place of the inputs. */
export interface FlatNode {
  readonly kind: LogicalNode["kind"];
  readonly [field: string]: unknown;
}

/** A plan as JSON: nodes in topological order, every node once, inputs by number. Rows of `rows` sources are not part of it. */
export interface PlanJson {
  readonly version: typeof planVersion;
  readonly nodes: readonly FlatNode[];
  readonly outputs: readonly number[];
}

/** Structurally equal nodes become one, so that the form does not depend on which objects were shared. */
export function planToJson(plan: Plan): PlanJson {
  const numbers = new Map<LogicalNode, number>();
  const byText = new Map<string, number>();
  const nodes: FlatNode[] = [];
  const numberOf = (node: LogicalNode) => numbers.get(node) as number;
  for (const node of topological(plan.outputs)) {
    const flat = flatten(node, numberOf);
    const text = canonicalJson(flat);
    const known = byText.get(text);
    if (known === undefined) {
      byText.set(text, nodes.length);
      numbers.set(node, nodes.length);
      nodes.push(flat);
    } else numbers.set(node, known);
  }
  return { version: planVersion, nodes, outputs: plan.outputs.map(numberOf) };
}

function flatten(node: LogicalNode, numberOf: (node: LogicalNode) => number): FlatNode {
  switch (node.kind) {
    case "scan":
      return node;
    case "join":
      return { ...node, left: numberOf(node.left), right: numberOf(node.right) };
    case "union":
      return { ...node, inputs: node.inputs.map(numberOf) };
    case "expect":
      return { ...node, input: numberOf(node.input), references: node.references.map(numberOf) };
    case "sql":
      return { ...node, inputs: node.inputs.map(({ name, node: input }) => ({ name, node: numberOf(input) })) };
    default:
      return { ...node, input: numberOf(node.input) };
  }
}

/** sha256 of the canonical JSON form. `rows` sources count by the order in which the plan names them, not by their ids. */
export function planFingerprint(plan: Plan): string {
  const { version, nodes, outputs } = planToJson(plan);
  const ids = new Map<unknown, string>();
  const named = nodes.map((node) => {
    const source = node.kind === "scan" ? (node.source as { readonly format: string; readonly id?: string }) : undefined;
    if (source?.format !== "rows") return node;
    if (!ids.has(source.id)) ids.set(source.id, `rows-${ids.size + 1}`);
    return { ...node, source: { ...source, id: ids.get(source.id) } };
  });
  return sha256(canonicalJson({ version, nodes: named, outputs }));
}

const kinds: { readonly [K in LogicalNode["kind"]]: true } = {
  scan: true,
  filter: true,
  select: true,
  withColumns: true,
  rename: true,
  drop: true,
  map: true,
  flatMap: true,
  mapBatches: true,
  join: true,
  aggregate: true,
  distinct: true,
  sort: true,
  limit: true,
  dedupe: true,
  window: true,
  sample: true,
  union: true,
  expect: true,
  number: true,
  sql: true,
  sink: true,
};

/**
 * The plan of a JSON form. Its `rows` sources have no rows.
 * @throws MillraceError Plan/INVALID_PLAN_JSON
 */
export function planFromJson(json: unknown): Plan {
  const { version, nodes, outputs } = (typeof json === "object" && json !== null ? json : {}) as Partial<PlanJson>;
  if (version !== planVersion) throw invalid(`expected version ${planVersion}, found ${String(version)}`);
  if (!Array.isArray(nodes) || !Array.isArray(outputs)) throw invalid("expected the lists nodes and outputs");
  const made: LogicalNode[] = [];
  for (const [at, flat] of nodes.entries()) made.push(unflatten(flat, at, made));
  return { outputs: outputs.map((number) => nodeAt(made, number, "outputs")), data: new Map() };
}

function unflatten(flat: FlatNode, at: number, made: readonly LogicalNode[]): LogicalNode {
  const kind: unknown = flat?.kind;
  if (typeof kind !== "string" || !Object.hasOwn(kinds, kind)) {
    throw invalid(`node ${at}: unknown kind ${JSON.stringify(kind)}. ${didYouMean(String(kind), Object.keys(kinds))}`);
  }
  const where = `node ${at} (${kind})`;
  const input = (number: unknown) => nodeAt(made, number, where);
  const inputs = () => {
    if (!Array.isArray(flat.inputs)) throw invalid(`${where}: expected the list inputs`);
    return flat.inputs as readonly unknown[];
  };
  switch (flat.kind) {
    case "scan":
      return flat as unknown as LogicalNode;
    case "join":
      return { ...flat, left: input(flat.left), right: input(flat.right) } as unknown as LogicalNode;
    case "union":
      return { ...flat, inputs: inputs().map(input) } as unknown as LogicalNode;
    case "expect": {
      if (!Array.isArray(flat.references)) throw invalid(`${where}: expected the list references`);
      const references = (flat.references as readonly unknown[]).map(input);
      return { ...flat, input: input(flat.input), references } as unknown as LogicalNode;
    }
    case "sql": {
      const named = inputs() as readonly { readonly name: string; readonly node: unknown }[];
      return { ...flat, inputs: named.map(({ name, node }) => ({ name, node: input(node) })) } as unknown as LogicalNode;
    }
    default:
      return { ...flat, input: input(flat.input) } as unknown as LogicalNode;
  }
}

function nodeAt(made: readonly LogicalNode[], number: unknown, where: string): LogicalNode {
  const node = typeof number === "number" ? made[number] : undefined;
  if (node === undefined) throw invalid(`${where}: expected the number of an earlier node, found ${JSON.stringify(number)}`);
  return node;
}

function invalid(what: string): Error {
  return planError("INVALID_PLAN_JSON", `not a plan: ${what}`, { hint: "A plan's JSON form is made by planToJson." });
}
