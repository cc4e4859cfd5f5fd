import { configError } from "../common/errors.js";

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  kb: 1e3,
  kib: 2 ** 10,
  m: 2 ** 20,
  mb: 1e6,
  mib: 2 ** 20,
  g: 2 ** 30,
  gb: 1e9,
  gib: 2 ** 30,
  tb: 1e12,
  tib: 2 ** 40,
};

/**
 * Reads a size such as `"512MB"`, `"1GiB"` or a plain number of bytes.
 * @throws MillraceError Config/INVALID_SIZE.
 */
export function parseBytes(size: string | number, what: string): number {
  if (typeof size === "number" && Number.isFinite(size) && size > 0) return Math.floor(size);
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(size));
  const unit = match === null ? undefined : units[(match[2] as string).toLowerCase()];
  const bytes = match === null || unit === undefined ? 0 : Number(match[1]) * unit;
  if (bytes <= 0) {
    throw configError("INVALID_SIZE", `${what}: expected a size such as "512MB" or "2GiB", found ${JSON.stringify(size)}`);
  }
  return Math.floor(bytes);
}

/** `1.5 GB`, `12.3 MB`; decimal units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const names = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let at = 0;
  while (value >= 1000 && at < names.length - 1) {
    value /= 1000;
    at++;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${names[at]}`;
}
