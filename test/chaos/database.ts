import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/** Plain DuckDB, the independent judge of what stands in files. */
export class Database {
  private readonly connection: Awaited<ReturnType<DuckDBInstance["connect"]>>;
  private readonly scratch: string;

  private copies = 0;

  private constructor(connection: Awaited<ReturnType<DuckDBInstance["connect"]>>, scratch: string) {
    this.connection = connection;
    this.scratch = scratch;
  }

  static async open(scratch: string): Promise<Database> {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1", memory_limit: "512MB" });
    return new Database(await instance.connect(), scratch);
  }

  async run(sql: string): Promise<void> {
    await this.connection.run(sql);
  }

  /** The first row, as text. */
  async row(sql: string): Promise<string> {
    const reader = await this.connection.runAndReadAll(sql);
    return JSON.stringify(reader.getRowsJson()[0] ?? null);
  }

  /** A query over a table of a database file, which is copied first: what a process that was killed left must not be touched. */
  async rowOf(file: string, table: string, columns: string): Promise<string> {
    if (!existsSync(file)) return "none";
    const folder = mkdtempSync(join(this.scratch, "copy-"));
    const copy = join(folder, "copy.duckdb");
    const name = `copy${this.copies++}`;
    copyFileSync(file, copy);
    if (existsSync(`${file}.wal`)) copyFileSync(`${file}.wal`, `${copy}.wal`);
    try {
      await this.run(`ATTACH '${copy}' AS ${name}`);
      try {
        return await this.row(`SELECT ${columns} FROM ${name}.main."${table}"`);
      } finally {
        await this.run(`DETACH ${name}`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  close(): void {
    this.connection.closeSync();
  }
}
