/** Version of the lines that `--json` prints; it rises when a field changes its meaning or goes. */
export const schemaVersion = 1;

/** One NDJSON line: the value with `schemaVersion` in front; 64-bit integers as text. */
export function jsonLine(value: object): string {
  return `${JSON.stringify({ schemaVersion, ...value }, (_, item: unknown) => (typeof item === "bigint" ? item.toString() : item))}\n`;
}
