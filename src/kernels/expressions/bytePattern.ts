import { translatePattern } from "../../functions/pattern.js";
import { undecided } from "./byteText.js";
import { asciiSize, type PatternTree, patternTree } from "./patternTree.js";

/** A pattern as a table of states, for texts of ASCII bytes. */
export interface BytePattern {
  /** The next state by `state << 8 | byte`; `beyond`, `accepted` and `refused` end the search. */
  readonly next: Uint8Array;
  readonly first: number;
  /** Whether a text that ends in a state matches, by state. */
  readonly atEnd: Uint8Array;
}

const beyond = 253;
const accepted = 254;
const refused = 255;
/** A table of this many states has 32 KiB; most patterns have ten. */
const mostStates = 128;
const columns = 256;
const mostNodes = 512;

/** Whether a pattern matches anywhere in a slice: 1, 0, or `undecided` where a byte beyond ASCII has a say. */
export function sliceMatches(bytes: Uint8Array, start: number, end: number, pattern: BytePattern): number {
  const { next } = pattern;
  let state = pattern.first;
  if (state >= accepted) return state === accepted ? 1 : 0;
  for (let i = start; i < end; i++) {
    state = next[(state << 8) | (bytes[i] as number)] as number;
    if (state >= beyond) return state === beyond ? undecided : state === accepted ? 1 : 0;
  }
  return pattern.atEnd[state] as number;
}

/**
 * The states of a pattern in RE2's syntax, made by the construction of subsets (Rabin and Scott 1959) from Thompson's automaton (1968);
 * null where there would be too many, or where it asks for word borders.
 */
export function bytePattern(pattern: string, flags: string): BytePattern | null {
  const key = `${flags}/${pattern}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = makePattern(pattern, flags);
  if (known.size === mostKnown) known.clear();
  known.set(key, made);
  return made;
}

const known = new Map<string, BytePattern | null>();
const mostKnown = 200;

function makePattern(pattern: string, flags: string): BytePattern | null {
  const translated = translatePattern(pattern, flags);
  if (typeof translated === "string") return null;
  const tree = patternTree(translated.source, translated.flags);
  if (tree === null) return null;
  const nodes = new Nodes();
  nodes.add({ kind: "match" });
  const first = nodes.build(tree, 0);
  return first === null ? null : statesOf(nodes, first);
}

type Node =
  | { readonly kind: "match" }
  | { readonly kind: "set"; readonly members: Uint8Array; readonly to: number }
  | { readonly kind: "both"; readonly to: number[] }
  | { readonly kind: "start" | "end"; readonly to: number };

/** Nodes of Thompson's automaton; node 0 is the match. */
class Nodes {
  readonly list: Node[] = [];

  add(node: Node): number {
    return this.list.push(node) - 1;
  }

  /** The node from which a tree leads to `to`; null where there are too many. */
  build(tree: PatternTree, to: number): number | null {
    if (this.list.length > mostNodes) return null;
    switch (tree.kind) {
      case "set":
        return this.add({ kind: "set", members: tree.members, to });
      case "start":
      case "end":
        return this.add({ kind: tree.kind, to });
      case "choice": {
        const ways = tree.parts.map((part) => this.build(part, to));
        return ways.includes(null) ? null : this.add({ kind: "both", to: ways as number[] });
      }
      case "sequence":
        return tree.parts.reduceRight<number | null>((next, part) => (next === null ? null : this.build(part, next)), to);
      default:
        return this.repeat(tree, to);
    }
  }

  private repeat({ part, least, most }: Extract<PatternTree, { kind: "repeat" }>, to: number): number | null {
    let at: number | null = to;
    if (most === null) {
      const loop: number[] = [to];
      at = this.add({ kind: "both", to: loop });
      const again = this.build(part, at);
      if (again === null) return null;
      loop.push(again);
    } else {
      for (let i = least; i < most && at !== null; i++) {
        const once = this.build(part, at);
        at = once === null ? null : this.add({ kind: "both", to: [to, once] });
      }
    }
    for (let i = 0; i < least && at !== null; i++) at = this.build(part, at);
    return at;
  }
}

/** The nodes that a set of them leads to without a character; those that take one, and the match. */
function reached(nodes: Nodes, from: Iterable<number>, atStart: boolean, atEnd: boolean): ReadonlySet<number> {
  const seen = new Set<number>();
  const open = [...from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const node = nodes.list[id];
    if (node?.kind === "both") open.push(...node.to);
    if ((node?.kind === "start" && atStart) || (node?.kind === "end" && atEnd)) open.push(node.to);
  }
  return seen;
}

/** Bytes that every set of a pattern treats alike; the table has equal columns for them. */
function alike(nodes: Nodes): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  const sets = nodes.list.flatMap((node) => (node.kind === "set" ? [node.members] : []));
  for (let byte = 0; byte < asciiSize; byte++) {
    const key = sets.map((members) => members[byte]).join("");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [byte]);
    else group.push(byte);
  }
  return [...groups.values()];
}

/** The states as they are found. A state is the nodes that a text has led to; the first one knows that nothing was read yet. */
class States {
  readonly found: { readonly nodes: ReadonlySet<number>; readonly atEnd: boolean }[] = [];
  private readonly numbers = new Map<string, number>();

  constructor(private readonly nodes: Nodes) {}

  /** The number of a state; null where there are too many. */
  numberOf(from: readonly number[], atStart: boolean): number | null {
    const inner = reached(this.nodes, from, atStart, false);
    if (inner.has(0)) return accepted;
    const live = [...inner].filter((id) => ["set", "end"].includes(this.nodes.list[id]?.kind ?? "")).sort((a, b) => a - b);
    if (live.length === 0) return refused;
    const key = `${atStart} ${live.join()}`;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    if (this.found.length === mostStates) return null;
    this.numbers.set(key, this.found.length);
    return this.found.push({ nodes: inner, atEnd: reached(this.nodes, from, atStart, true).has(0) }) - 1;
  }
}

function statesOf(nodes: Nodes, first: number): BytePattern | null {
  const states = new States(nodes);
  const groups = alike(nodes);
  const next = new Uint8Array(mostStates * columns).fill(beyond);
  const start = states.numberOf([first], true);
  if (start === null) return null;
  for (let at = 0; at < states.found.length; at++) {
    const inner = [...(states.found[at]?.nodes ?? [])].flatMap((id) => nodes.list[id] ?? []);
    for (const group of groups) {
      const byte = group[0] ?? 0;
      const on = inner.flatMap((node) => (node.kind === "set" && node.members[byte] === 1 ? [node.to] : []));
      // A match may begin at each character.
      const to = states.numberOf([first, ...on], false);
      if (to === null) return null;
      for (const each of group) next[at * columns + each] = to;
    }
  }
  const size = Math.max(1, states.found.length);
  return {
    next: next.slice(0, size * columns),
    first: start,
    atEnd: Uint8Array.from(states.found, ({ atEnd }) => (atEnd ? 1 : 0)),
  };
}
