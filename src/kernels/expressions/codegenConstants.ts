import { decodeText } from "../../batch/text.js";
import type { Bound } from "../../expr/nodes.js";
import { isOrder } from "../../functions/comparison.js";
import { valueForm } from "../../schema/types.js";
import type { Piece, RowStatements } from "./codegenPiece.js";
import { literalBytes } from "./codegenText.js";

type Case = Extract<Bound, { readonly kind: "case" }>;

/** As many as a code of one byte can tell apart. */
const mostTexts = 256;

/** The texts a case can give, where all of them are written in it; null is one of them. null for other cases. */
function constantTexts({ type, branches, otherwise }: Case): readonly (Uint8Array | null)[] | null {
  if (type.kind !== "utf8") return null;
  const texts: (Uint8Array | null)[] = [];
  for (const result of [...branches.map(({ then }) => then), otherwise]) {
    const isNull = result === null || (result.kind === "literal" && result.value === null);
    const bytes = isNull ? null : literalBytes(result);
    if (bytes === null && !isNull) return null;
    if (numberOf(texts, bytes) < 0) texts.push(bytes);
  }
  return texts.length > mostTexts ? null : texts;
}

const numberOf = (texts: readonly (Uint8Array | null)[], wanted: Uint8Array | null): number =>
  texts.findIndex((text) =>
    text === null || wanted === null
      ? text === wanted
      : text.length === wanted.length && text.every((byte, i) => byte === wanted[i]),
  );

/** A case between constant texts: its value is which of them it is, so that no text is copied row by row. null for other cases. */
export function constantCase(row: RowStatements, bound: Case): Piece | null {
  const texts = constantTexts(bound);
  if (texts === null) return null;
  const { scope } = row;
  const numbered = (result: Bound | null): number =>
    numberOf(texts, result === null || (result.kind === "literal" && result.value === null) ? null : literalBytes(result));
  const all = bound.branches.length <= mostCompared && bound.branches.every(({ when }) => isCheap(when));
  const code = (all ? selectCode : searchCode)(row, bound, numbered);
  const none = texts.indexOf(null);
  const bytes = scope.parameter(texts.map((text) => text ?? new Uint8Array(0)));
  const strings = scope.parameter(texts.map((text) => (text === null ? "" : decodeText(text, 0, text.length))));
  const lengths = scope.parameter(Int32Array.from(texts, (text) => text?.length ?? 0));
  return {
    value: `${strings}[${code}]`,
    isNull: none < 0 ? null : texts.length === 1 ? "true" : `(${code} === ${none})`,
    text: { bytes: `${bytes}[${code}]`, start: "0", end: `${lengths}[${code}]` },
    coded: { code, texts },
  };
}

/** The number of the first branch that holds, one test after the other. */
function searchCode(row: RowStatements, { branches, otherwise }: Case, numbered: (result: Bound | null) => number): string {
  const code = row.scope.fresh("g");
  const label = row.scope.fresh("l");
  row.line(`let ${code} = ${numbered(otherwise)};`);
  row.line(`${label}: {`);
  for (const { when, then } of branches) {
    const piece = row.emit(when);
    if (piece.isNull === "true") continue;
    row.line(`if (${piece.isNull === null ? "" : `!${piece.isNull} && `}${piece.value}) {`);
    row.line(`${code} = ${numbered(then)}; break ${label};`);
    row.line("}");
  }
  row.line("}");
  return code;
}

/** The same with every test made, and no jump that depends on one: which of a few ranges a number lies in, nobody can guess. */
function selectCode(row: RowStatements, { branches, otherwise }: Case, numbered: (result: Bound | null) => number): string {
  const masks = branches.flatMap(({ when, then }) => {
    const { value, isNull } = row.emit(when);
    if (isNull === "true") return [];
    const holds = isNull === null ? `+(${value})` : `(+(${value}) & +(!${isNull}))`;
    return [{ mask: row.name(`-(${holds} | 0)`), code: numbered(then) }];
  });
  return row.name(
    masks.reduceRight((rest, { mask, code }) => `((${mask} & ${code}) | (~${mask} & ${rest}))`, String(numbered(otherwise))),
  );
}

/** Tests that are made whether a branch before them holds or not. */
const mostCompared = 4;

/** Comparisons of plain numbers that are there already. */
const isCheap = (when: Bound): boolean =>
  when.kind === "call" &&
  isOrder(when.fn) &&
  when.args.every((arg) => (arg.kind === "column" || arg.kind === "literal") && valueForm(arg.type) === "number");
