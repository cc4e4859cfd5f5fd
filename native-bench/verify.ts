import { DuckDBInstance } from "@duckdb/node-api";
import type { Summary, Workload } from "./workload.ts";

/** What an engine wrote, read by one and the same reader. */
export async function readBack(workload: Workload, out: string): Promise<Summary> {
  if (workload.readBack === undefined) return {};
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(workload.readBack.replaceAll("{out}", out.replaceAll("'", "''")));
    const row = reader.getRowObjectsJS()[0] ?? {};
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Figures on which two summaries differ by more than rounding. */
export function disagreements(expected: Summary, found: Summary): string[] {
  const wrong: string[] = [];
  for (const [name, value] of Object.entries(expected)) {
    const other = found[name];
    const near = other !== undefined && Math.abs(value - other) <= 1e-9 * Math.max(1, Math.abs(value), Math.abs(other));
    if (!near) wrong.push(`${name} is ${other ?? "missing"}, expected ${value}`);
  }
  return wrong;
}
