import { visible } from "./format.js";

/** Text that is safe to stand in a page. Made by `html` alone. */
export class Html {
  constructor(readonly text: string) {}
}

type Part = Html | string | number | null | readonly Part[];

/** A template whose parts are escaped, unless they are Html themselves; null is nothing, a list is its parts in a row. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? "";
  parts.forEach((part, i) => {
    text += textOf(part) + (strings[i + 1] ?? "");
  });
  return new Html(text);
}

function textOf(part: Part): string {
  if (part === null) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "string") return escaped(part);
  if (typeof part === "number") return numberText(part);
  return part.map(textOf).join("");
}

const entities: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Safe between tags and in quoted attributes; characters that steer the direction of text are made visible. */
const escaped = (text: string): string => visible(text).replace(/[&<>"']/g, (c) => entities[c] ?? c);

/** Coordinates need no more than a tenth of a pixel. */
const numberText = (value: number): string => (Number.isFinite(value) ? String(Math.round(value * 10) / 10) : "0");
