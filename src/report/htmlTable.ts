import { cut } from "./format.js";
import { type Html, html } from "./htmlText.js";

interface Column {
  readonly title: string;
  readonly figure?: true;
}

/** A table that scrolls by itself on a narrow screen. */
export function table(columns: readonly Column[], rows: readonly (readonly (Html | string | number | null)[])[]): Html {
  const style = (i: number) => (columns[i]?.figure === true ? html` class="n"` : null);
  const head = columns.map(({ title }, i) => html`<th scope="col"${style(i)}>${title}</th>`);
  const body = rows.map((row) => html`<tr>${row.map((cell, i) => html`<td${style(i)}>${cell}</td>`)}</tr>`);
  return html`<div class="wide" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

export const text = (title: string): Column => ({ title });
export const figure = (title: string): Column => ({ title, figure: true });

export const code = (value: string, most = 200): Html => html`<code>${cut(value, most)}</code>`;
