import { DuckDBInstance } from "@duckdb/node-api";

/** Plain DuckDB: the rows as it shows them. */
export async function duckJson(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
