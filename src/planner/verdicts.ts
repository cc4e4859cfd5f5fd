import { required } from "../common/assert.js";
import { topological, withInputs } from "../optimize/rewrite.js";
import { type BoundNode, boundInputs, type ResolvedSource } from "../plan/bound.js";
import { isRowWise } from "./rowWise.js";

type ExpectNode = Extract<BoundNode, { readonly kind: "expect" }>;
type Clones = Map<BoundNode, BoundNode>;

export interface SeparatePlan {
  readonly outputs: readonly BoundNode[];
  /** Nodes whose rows are met a second time, for a verdict: what they reject is told by the pass that the rows go on with. */
  readonly again: ReadonlySet<BoundNode>;
}

/** Rows that are put into an exchange before anything else. */
export const isTakenIn = ({ spec }: ResolvedSource): boolean => spec.format === "rows" || spec.format === "sql";

/**
 * Makes a pass of its own of what decides a verdict, since it has to end before the pass begins that sets rows aside. Both read the same rows in the
 * same partitions: from the files of a source, or from an exchange that takes in the rows of the last step over many rows. Nothing else is shared with
 * the rest of the plan, so that no pass waits for itself. Pure.
 */
export function separateVerdicts(outputs: readonly BoundNode[]): SeparatePlan {
  const judging = topological(outputs).filter(hasVerdicts);
  if (judging.length === 0) return { outputs, again: new Set() };
  const bases = new Set(judging.map(baseOf).filter((node) => node.kind !== "scan" || isTakenIn(node.source)));
  return new Separation(storeBases(outputs, bases)).plan();
}

const hasVerdicts = (node: BoundNode): node is ExpectNode => node.kind === "expect" && node.verdicts.length > 0;

/** The node whose rows a pass over an `expect` reads. */
function baseOf(node: BoundNode): BoundNode {
  let at = node;
  while (isRowWise(at)) at = required(boundInputs(at)[0], "input");
  return at;
}

function storeBases(outputs: readonly BoundNode[], bases: ReadonlySet<BoundNode>): BoundNode[] {
  const done: Clones = new Map();
  const of = (node: BoundNode) => required(done.get(node), "input");
  for (const node of topological(outputs)) {
    const made = withInputs(node, boundInputs(node).map(of));
    done.set(node, bases.has(node) ? { kind: "stored", input: made, schema: made.schema } : made);
  }
  return outputs.map(of);
}

class Separation {
  private readonly again = new Set<BoundNode>();
  private readonly done: Clones = new Map();
  private readonly passed: ReadonlySet<BoundNode>;
  /** Nodes whose rejects are told: of the plan's own pass, and of verdicts so far, which may read the same other dataset. */
  private readonly told: Set<BoundNode>;

  constructor(private readonly outputs: readonly BoundNode[]) {
    this.passed = passedBy(outputs);
    this.told = new Set(this.passed);
  }

  plan(): SeparatePlan {
    const of = (node: BoundNode) => required(this.done.get(node), "input");
    for (const node of topological(this.outputs)) {
      if (!this.passed.has(node)) continue;
      if (hasVerdicts(node)) this.done.set(node, { ...node, input: of(node.input), verdicts: this.verdictsOf(node) });
      else this.done.set(node, withInputs(node, boundInputs(node).map(of)));
    }
    return { outputs: this.outputs.map(of), again: this.again };
  }

  private verdictsOf({ verdicts }: ExpectNode): BoundNode[] {
    const clones: Clones = new Map();
    const made = verdicts.map((verdict) => this.clone(verdict, clones, false));
    for (const node of passedBy(verdicts)) this.told.add(node);
    return made;
  }

  private clone(node: BoundNode, clones: Clones, nested: boolean): BoundNode {
    const known = clones.get(node);
    if (known !== undefined) return known;
    const made = this.makeClone(node, clones, nested);
    clones.set(node, made);
    if (nested || this.told.has(node)) this.again.add(made);
    return made;
  }

  private makeClone(node: BoundNode, clones: Clones, nested: boolean): BoundNode {
    const of = (input: BoundNode) => this.clone(input, clones, nested);
    if (node.kind === "stored") return { ...node, input: this.done.get(node.input) ?? of(node.input) };
    // A program's rows can be taken in once only.
    if (node.kind === "scan" && isTakenIn(node.source)) return { kind: "stored", input: node, schema: node.schema };
    if (!hasVerdicts(node)) return { ...node, ...withInputs(node, boundInputs(node).map(of)) };
    const inner: Clones = new Map();
    return { ...node, input: of(node.input), verdicts: node.verdicts.map((verdict) => this.clone(verdict, inner, true)) };
  }
}

/** Nodes whose rows go to the outputs, and not just into a verdict. */
function passedBy(outputs: readonly BoundNode[]): Set<BoundNode> {
  const found = new Set<BoundNode>();
  const stack = [...outputs];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    stack.push(...(node.kind === "expect" ? [node.input] : boundInputs(node)));
  }
  return found;
}
