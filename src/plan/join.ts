import { planError } from "../common/errors.js";
import { describe } from "./literal.js";
import type { JoinHow, LogicalNode } from "./nodes.js";
import { fillOptions, options } from "./options.js";
import type { ColumnName, JoinName } from "./types.js";

/** Key columns: one name, several, or different names on both sides (as many left as right). */
export type JoinOn<L, R> =
  | JoinName<L, R>
  | readonly JoinName<L, R>[]
  | {
      readonly left: ColumnName<L> | readonly ColumnName<L>[];
      readonly right: ColumnName<R> | readonly ColumnName<R>[];
    };

/** Right key columns that do not appear again, because the left key has the same name. */
export type RightKeys<On> = On extends string
  ? On
  : On extends readonly (infer N extends string)[]
    ? N
    : On extends { readonly left: infer L; readonly right: infer R }
      ? Extract<Names<R>, Names<L>>
      : never;
type Names<T> = T extends string ? T : T extends readonly (infer N extends string)[] ? N : never;

export interface JoinOptions<On, Suffix extends string> {
  readonly on: On;
  /** "inner" by default. "semi" keeps left rows with a match, "anti" those without; both give the left columns alone. */
  readonly how?: JoinHow;
  /** Added to right columns whose name the left has, too. */
  readonly suffix?: Suffix;
}

const joinOptions = {
  on: options.other<unknown>(undefined),
  how: options.oneOf<JoinHow>("inner", ["inner", "left", "right", "full", "semi", "anti"]),
  suffix: options.text("_right"),
};

export function joinNode(left: LogicalNode, right: LogicalNode, given: unknown): LogicalNode {
  const { on, how, suffix } = fillOptions(given, joinOptions, "join");
  return { kind: "join", left, right, on: joinPairs(on), how, suffix };
}

function joinPairs(on: unknown): { readonly left: string; readonly right: string }[] {
  if (typeof on === "object" && on !== null && "left" in on && "right" in on) {
    const left = names(on.left);
    const right = names(on.right);
    if (left.length !== right.length) {
      throw planError(
        "INVALID_OPTION",
        `join: option "on" has ${left.length} left and ${right.length} right columns; they go in pairs`,
      );
    }
    return left.map((name, i) => ({ left: name, right: right[i] as string }));
  }
  return names(on).map((name) => ({ left: name, right: name }));
}

function names(value: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > 0 && list.every((name) => typeof name === "string" && name !== "")) return list as string[];
  throw planError("INVALID_OPTION", `join: option "on": expected column names, found ${describe(value)}`, {
    hint: 'Write { on: "id" }, { on: ["a", "b"] } or { on: { left: "id", right: "customer_id" } }.',
  });
}
