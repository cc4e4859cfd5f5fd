import { formatBytes } from "../runtime/bytes.js";

/** `1,234,567`. */
export const countText = (value: number): string => Math.round(value).toLocaleString("en-US");

/** `12.3 M`, `45.6 k`, `789`. */
export function shortCount(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(value < 1e8 ? 1 : 0)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)} k`;
  return countText(value);
}

/** `950 ms`, `4.20 s`, `12.3 s`, `3 min 20 s`, `2 h 05 min`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600)
    return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? "" : ` ${String(seconds % 60).padStart(2, "0")} s`}`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
}

/** `98.77 %`; a share that is not whole is never rounded up to 100, and one that is not nothing never down to 0. */
export function percentText(percent: number, digits = 2): string {
  const least = 10 ** -digits;
  if (percent > 0 && percent < least) return `<${least} %`;
  const shown = percent < 100 && percent > 100 - least ? 100 - least : percent;
  const fixed = shown.toFixed(digits);
  return `${digits > 0 ? fixed.replace(/\.?0+$/, "") : fixed} %`;
}

/** `12 % faster`, `2.3 × slower`: how a duration differs from the usual. */
export function slowerText(changePercent: number): string {
  const times = 1 + changePercent / 100;
  if (Math.abs(changePercent) < 1) return "as usual";
  if (times >= 2) return `${times.toFixed(1)} × the usual`;
  return `${Math.abs(changePercent).toFixed(0)} % ${changePercent < 0 ? "faster" : "slower"} than usual`;
}

/** `+12 %`, `−3 %`. */
export function changeText(changePercent: number | null): string {
  if (changePercent === null) return "–";
  if (Math.abs(changePercent) < 0.5) return "±0 %";
  return `${changePercent < 0 ? "−" : "+"}${Math.abs(changePercent).toFixed(0)} %`;
}

export const bytesText = formatBytes;

/** `2026-01-31 12:34:56 UTC`. */
export const timeText = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;

/** Characters that steer a terminal or turn the direction of text, made visible; a line feed as `\n`. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => {
    if (c === "\n") return "\\n";
    if (c === "\t") return "\\t";
    return `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** The first `length` characters, with an ellipsis where there are more. */
export function cut(text: string, length: number): string {
  const points = Array.from(text.slice(0, 2 * length + 2));
  return points.length > length ? `${points.slice(0, length - 1).join("")}…` : text;
}

/** A path without its front where it is long: the end tells more. */
export function shortPath(path: string, length = 48): string {
  const points = Array.from(path);
  return points.length > length ? `…${points.slice(points.length - length + 1).join("")}` : path;
}
