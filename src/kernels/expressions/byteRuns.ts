import { Buffer } from "node:buffer";
import type { TextSink } from "../../batch/text.js";
import { translatePattern } from "../../functions/pattern.js";
import { replacementPieces } from "../../functions/regexp.js";
import { isAsciiSlice } from "./byteText.js";
import type { Call } from "./codegenPiece.js";
import { asciiSize, patternTree } from "./patternTree.js";

/** How a pattern that is one set of characters, so many times, is replaced: in ASCII its matches are runs of members. */
export interface RunReplacement {
  /** 1 for each ASCII byte of the set. */
  readonly members: Uint8Array;
  readonly least: number;
  readonly most: number;
  readonly by: Uint8Array;
  readonly all: boolean;
}

/** What a call of `regexpReplace` does where its pattern is of that kind, and its replacement names no group; null for others. */
export function runReplacement(call: Call): RunReplacement | null {
  let made = known.get(call);
  if (made === undefined) {
    made = makeReplacement(call);
    known.set(call, made);
  }
  return made;
}

const known = new WeakMap<Call, RunReplacement | null>();

function makeReplacement({ args: [, pattern, replacement], options }: Call): RunReplacement | null {
  if (pattern?.kind !== "literal" || typeof pattern.value !== "string") return null;
  if (replacement?.kind !== "literal" || typeof replacement.value !== "string") return null;
  const flags = options.flags ?? "";
  // A pattern that takes as few characters as it can ends with a question mark.
  if ((flags !== "" && flags !== "g") || pattern.value.endsWith("?")) return null;
  const pieces = replacementPieces(replacement.value);
  const run = runOf(pattern.value);
  if (run === null || pieces === null || pieces.some((piece) => typeof piece === "number")) return null;
  return { ...run, by: new Uint8Array(Buffer.from(pieces.join(""))), all: flags === "g" };
}

function runOf(pattern: string): Pick<RunReplacement, "members" | "least" | "most"> | null {
  const translated = translatePattern(pattern, "");
  if (typeof translated === "string") return null;
  const tree = patternTree(translated.source, translated.flags);
  if (tree?.kind !== "sequence" || tree.parts.length !== 1) return null;
  const [only] = tree.parts;
  const { part, least, most } = only?.kind === "repeat" ? only : { part: only, least: 1, most: 1 };
  if (part?.kind !== "set" || least < 1) return null;
  const members = new Uint8Array(2 * asciiSize);
  members.set(part.members);
  return { members, least, most: most ?? 0x7fff_ffff };
}

/** Appends a slice with its first match, or all, replaced. False, with nothing appended, where it is not all ASCII. */
export function replaceRuns(sink: TextSink, bytes: Uint8Array, start: number, end: number, how: RunReplacement): boolean {
  if (!isAsciiSlice(bytes, start, end)) return false;
  const { members, least, most, by, all } = how;
  let from = start;
  for (let at = start; at < end; ) {
    const stop = endOfRun(bytes, at, at + Math.min(end - at, most), members);
    if (stop - at < least) {
      at = Math.max(stop, at + 1);
      continue;
    }
    sink.writeBytes(bytes, from, at);
    sink.writeBytes(by, 0, by.length);
    from = at = stop;
    if (!all) break;
  }
  sink.writeBytes(bytes, from, end);
  return true;
}

function endOfRun(bytes: Uint8Array, start: number, end: number, members: Uint8Array): number {
  let at = start;
  while (at < end && members[bytes[at] as number] === 1) at++;
  return at;
}
