import { required } from "../common/assert.js";
import { fitsBlocks } from "../exchange/codec.js";
import { topological } from "../optimize/rewrite.js";
import { type BoundNode, boundInputs, type ResolvedSource } from "../plan/bound.js";
import type { Schema } from "../schema/types.js";
import type { BroadcastHow } from "../task/protocol.js";
import { boundBytes, type SizeBound, sizeBound } from "./size.js";
import type { Placement } from "./stages.js";

export type JoinNode = Extract<BoundNode, { readonly kind: "join" }>;

/** The kind of a join that each partition of the left side can do on its own; null for those that must see all left rows. */
export const broadcastHow = (node: JoinNode): BroadcastHow | null =>
  node.how === "right" || node.how === "full" ? null : node.how;

/** Whether workers can join these rows bucket by bucket: they need not see all left rows for a right one, and no column is nested. */
const fitsBuckets = ({ left, right, on, how }: JoinNode): boolean =>
  how !== "right" && how !== "full" && on.length > 0 && fitsBlocks(left.schema) && fitsBlocks(right.schema);

/**
 * Decides which joins run in the workers: those whose left rows are there already and whose right side is small enough for every worker
 * to hold. Joins are asked about in an order in which inputs come before their consumers.
 */
export class BroadcastRule {
  private readonly sizes = new Map<BoundNode, SizeBound | null>();
  /** Which worker pass each node's rows come from, by the node whose rows that pass reads. */
  private readonly passes = new Map<BoundNode, BoundNode>();
  /** Passes that have to end before a pass can begin. */
  private readonly after = new Map<BoundNode, Set<BoundNode>>();

  /** `limitBytes`: the largest right side; 0 for no broadcast at all. */
  constructor(private readonly limitBytes: number) {}

  /** Whether workers that have the left rows can hold the right ones. */
  fits(node: JoinNode): boolean {
    if (node.groups === true || broadcastHow(node) === null || this.limitBytes === 0) return false;
    const bound = sizeBound(node.right, this.sizes);
    return bound !== null && boundBytes(bound) <= this.limitBytes;
  }

  /** Whether workers that have the rows of both sides can join them. */
  joinsInBuckets(node: JoinNode): boolean {
    return node.groups !== true && this.limitBytes > 0 && fitsBuckets(node);
  }

  place(node: JoinNode, placed: ReadonlyMap<BoundNode, Placement>): Placement {
    if (node.groups === true) return { where: "duckdb", reason: "groups of both sides are put beside each other" };
    const bothThere = [node.left, node.right].every((side) => placed.get(side)?.where === "worker");
    const inBuckets = bothThere && this.joinsInBuckets(node);
    const inDuckDb = (reason: string): Placement =>
      inBuckets ? { where: "worker", reason: `in buckets of the keys; ${reason}`, buckets: true } : { where: "duckdb", reason };
    if (broadcastHow(node) === null || this.limitBytes === 0 || placed.get(node.left)?.where !== "worker") {
      return inDuckDb("join needs more than one row");
    }
    const bound = sizeBound(node.right, this.sizes);
    if (bound === null) return inDuckDb("join: how large its right side gets is not known");
    const bytes = boundBytes(bound);
    if (bytes > this.limitBytes) {
      return inDuckDb(
        `join: its right side of about ${megabytes(bytes)} is over the ${megabytes(this.limitBytes)} that workers hold`,
      );
    }
    const pass = this.passOf(node.left);
    const needed = this.passesBelow(node.right, placed);
    if ([...needed].some((other) => other === pass || this.waitsFor(other, pass))) {
      return inDuckDb("join: both sides come from the same pass over the input");
    }
    this.wait(pass, needed);
    return { where: "worker", reason: `broadcast: right side about ${megabytes(bytes)}` };
  }

  /** To be told every node once it is placed. */
  note(node: BoundNode, placed: ReadonlyMap<BoundNode, Placement>): void {
    if (placed.get(node)?.where !== "worker" || node.kind === "sink") return;
    if (
      node.kind === "aggregate" ||
      node.kind === "sort" ||
      node.kind === "window" ||
      node.kind === "distinct" ||
      node.kind === "stored"
    ) {
      // They come from a pass of their own, over what that of their rows wrote.
      this.passes.set(node, node);
      this.wait(node, this.passesBelow(node.input, placed));
      return;
    }
    if (node.kind === "union" || (node.kind === "join" && placed.get(node)?.buckets === true)) {
      this.passes.set(node, node);
      this.wait(node, new Set(boundInputs(node).flatMap((side) => [...this.passesBelow(side, placed)])));
      return;
    }
    const input = node.kind === "join" ? node.left : "input" in node ? node.input : null;
    if (input === null) {
      this.passes.set(node, node);
      return;
    }
    const pass = this.passes.get(input) ?? input;
    this.passes.set(node, pass);
    if (node.kind === "expect") for (const verdict of node.verdicts) this.wait(pass, this.passesBelow(verdict, placed));
    // A pass over what DuckDB computed comes after all that went into it.
    if (pass === input && !this.passes.has(input)) this.wait(pass, this.passesBelow(input, placed));
  }

  private passOf(node: BoundNode): BoundNode {
    return required(this.passes.get(node), "worker pass");
  }

  private passesBelow(node: BoundNode, placed: ReadonlyMap<BoundNode, Placement>): Set<BoundNode> {
    const workers = topological([node]).filter((below) => placed.get(below)?.where === "worker");
    return new Set(workers.map((below) => this.passOf(below)));
  }

  private wait(pass: BoundNode, needed: ReadonlySet<BoundNode>): void {
    this.after.set(pass, new Set([...(this.after.get(pass) ?? []), ...needed]));
  }

  private waitsFor(pass: BoundNode, other: BoundNode): boolean {
    return [...(this.after.get(pass) ?? [])].some((before) => before === other || this.waitsFor(before, other));
  }
}

/** Stands for an exchange as a right side until its files are there. */
export function exchangeSource(schema: Schema): ResolvedSource {
  const spec: ResolvedSource["spec"] = { format: "parquet", paths: [], schema, onReject: "fail", rejectLimits: {} };
  return { spec, files: [], schema, partitionColumns: [], rows: null };
}

const megabytes = (bytes: number): string => (bytes < 1e6 ? "1 MB" : `${Math.round(bytes / 1e6)} MB`);
