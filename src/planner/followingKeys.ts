import type { Bound, BoundNamed } from "../expr/nodes.js";
import { columnsUsed, usesUserFunction } from "../expr/walk.js";
import type { FollowingKeys, RowOp, Step } from "../task/protocol.js";
import type { DraftStage } from "./draft.js";

type JoinStep = Extract<Step, { readonly op: "join" }>;

/** What a key is computed from: columns of some step's output. */
interface Origin {
  readonly columns: ReadonlySet<number>;
  /** It is the one column as it stands. */
  readonly plain: boolean;
}

/**
 * The last keys of a grouping that the ones before them decide, as long as the nearest join before step `input` finds at most one right row for
 * each left one: the grouping has that join's left key columns, and the last keys come from its right side. null where there are none. Whether
 * right keys are unique is known only to the tasks.
 */
export function followingKeys(stage: DraftStage, input: number, keys: readonly BoundNamed[]): FollowingKeys | null {
  let origins = keys.map(({ expr }) => originOf(expr));
  let at = input;
  for (;;) {
    const step = stage.steps[at]?.step;
    switch (step?.op) {
      case "rows":
        for (const op of [...step.ops].reverse()) origins = origins.map((origin) => before(origin, op));
        break;
      case "expect":
      case "number":
        break;
      case "join": {
        const count = countFollowing(step, origins);
        return count === 0 ? null : { join: at, count };
      }
      default:
        return null;
    }
    at = step.input;
  }
}

/** null for what a user's function made: it need not give the same for the same. */
function originOf(expr: Bound): Origin | null {
  if (expr.kind === "column") return { columns: new Set([expr.index]), plain: true };
  return usesUserFunction(expr) ? null : { columns: columnsUsed(expr), plain: false };
}

/** The same value in terms of what goes into an operation. */
function before(origin: Origin | null, op: RowOp): Origin | null {
  if (op.kind === "filter" || origin === null) return origin;
  const columns = new Set<number>();
  let { plain } = origin;
  for (const index of origin.columns) {
    const expr = op.columns[index]?.expr;
    const from = expr === undefined ? null : originOf(expr);
    if (from === null) return null;
    plain &&= from.plain;
    for (const column of from.columns) columns.add(column);
  }
  return { columns, plain };
}

/** How many of the last keys follow from those before them. */
function countFollowing({ on, output, how }: JoinStep, origins: readonly (Origin | null)[]): number {
  if (how !== "inner" && how !== "left") return 0;
  const leftKeys = new Set(on.map((pair) => pair.left));
  const leftKey = (index: number): number | null => {
    const from = output[index];
    return from?.side === "left" && leftKeys.has(from.index) ? from.index : null;
  };
  const follows = (origin: Origin | null | undefined): boolean =>
    origin != null &&
    [...origin.columns].every((index) => output[index]?.side === "right" || leftKey(index) !== null) &&
    !(origin.plain && [...origin.columns].some((index) => leftKey(index) !== null));
  let count = 0;
  while (count < origins.length && follows(origins[origins.length - 1 - count])) count++;
  const leading = origins.slice(0, origins.length - count);
  const decided = new Set(leading.flatMap((origin) => (origin?.plain === true ? [...origin.columns].map(leftKey) : [])));
  return [...leftKeys].every((index) => decided.has(index)) ? count : 0;
}
