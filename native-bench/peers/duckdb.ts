import { type DuckDBConnection, DuckDBInstance, DuckDBScalarFunction, DOUBLE, INTEGER, VARCHAR } from "@duckdb/node-api";
import type { Summary, Task } from "../workload.ts";
import { discount, productGroup } from "../workload.ts";

export const quoted = (path: string): string => `'${path.replaceAll("'", "''")}'`;

const salesTypes = `columns = { transaction_id: 'VARCHAR', customer_id: 'VARCHAR', product_id: 'VARCHAR', quantity: 'INTEGER',
  unit_price: 'DOUBLE', transaction_date: 'TIMESTAMP', store_id: 'VARCHAR' }`;

/** The sales file with nothing left to detect. */
export const salesCsv = (path: string, more = ""): string =>
  `read_csv(${quoted(path)}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', ${salesTypes}${more})`;

export const salesJson = (path: string): string => `read_json(${quoted(path)}, format = 'newline_delimited', ${salesTypes})`;

/** Runs an action on a fresh instance with the settings that serve bulk work best. */
export async function withDuckDB<T>(task: Task, action: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(":memory:", {
    threads: String(task.threads),
    preserve_insertion_order: "false",
    temp_directory: `${task.out}/duckdb-temp`,
  });
  const connection = await instance.connect();
  try {
    return await action(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A query of one row of numbers. */
export async function oneRow(task: Task, sql: string, functions = false): Promise<Summary> {
  return withDuckDB(task, async (connection) => {
    if (functions) registerFunctions(connection);
    const reader = await connection.runAndReadAll(sql);
    const row = reader.getRowObjectsJS()[0] ?? {};
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
  });
}

/** A query whose rows are handed to JavaScript and summed there, as a program that uses them would. */
export async function grouped(task: Task, sql: string, columns: readonly string[], functions = false): Promise<Summary> {
  return withDuckDB(task, async (connection) => {
    if (functions) registerFunctions(connection);
    const reader = await connection.runAndReadAll(sql);
    const names = reader.columnNames();
    const data = reader.getColumnsJS();
    const sums = columns.map((name) => [name, sum(data[names.indexOf(name)] ?? [])] as const);
    return { groups: reader.currentRowCount, ...Object.fromEntries(sums) };
  });
}

export async function statement(task: Task, sql: string, functions = false): Promise<Summary> {
  return withDuckDB(task, async (connection) => {
    if (functions) registerFunctions(connection);
    await connection.run(sql);
    return {};
  });
}

const sum = (values: readonly unknown[]): number => values.reduce<number>((total, value) => total + Number(value), 0);

function registerFunctions(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: "js_discount",
      parameterTypes: [INTEGER, DOUBLE],
      returnType: DOUBLE,
      mainFunction: (_, input, output) => {
        const quantities = input.getColumnVector(0);
        const prices = input.getColumnVector(1);
        for (let row = 0; row < input.rowCount; row++) {
          output.setItem(row, discount(quantities.getItem(row) as number, prices.getItem(row) as number));
        }
        output.flush();
      },
    }),
  );
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: "js_product_group",
      parameterTypes: [VARCHAR],
      returnType: VARCHAR,
      mainFunction: (_, input, output) => {
        const products = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row++) output.setItem(row, productGroup(products.getItem(row) as string));
        output.flush();
      },
    }),
  );
}
