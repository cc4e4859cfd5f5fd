import { DuckDBInstance } from "@duckdb/node-api";

const quoted = (path: string): string => `'${path.replaceAll("'", "''")}'`;

/**
 * Writes the customer dimension as Parquet: customer_id, customer_name, segment, region. Every value is arithmetic on the number of
 * the customer, and one thread writes in order, so that the same count gives the same bytes. About 1 % have no region.
 */
export async function writeCustomers(path: string, count: number): Promise<void> {
  await runSql(`copy (
    select
      'C' || lpad(i::varchar, 7, '0') as customer_id,
      (['Ada','Ben','Chi','Dora','Emil','Fay','Gus','Hana','Ivo','Jun','Kai','Lena','Mo','Nia','Otto','Pia'])[1 + (i * 7919) % 16]
        || ' ' ||
      (['Abbott','Bauer','Costa','Diaz','Evans','Fischer','Garcia','Hansen','Ito','Jensen','Kowalski','Larsen','Moreau','Nowak',
        'Okafor','Petrov'])[1 + (i * 104729) // 16 % 16] as customer_name,
      (['Consumer','Consumer','Consumer','Business','Business','Public'])[1 + (i * 31) % 6] as segment,
      case when i % 97 = 0 then null else (['North','South','East','West','Central'])[1 + (i * 17) % 5] end as region
    from range(1, ${count + 1}) t(i) order by i
  ) to ${quoted(path)} (format parquet, compression snappy, row_group_size 122880)`);
}

/** Writes a CSV file of sales as Parquet, in the order of its rows. */
export async function salesToParquet(csv: string, parquet: string): Promise<void> {
  await runSql(`copy (
    select * from read_csv(${quoted(csv)}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', columns = {
      transaction_id: 'VARCHAR', customer_id: 'VARCHAR', product_id: 'VARCHAR', quantity: 'INTEGER', unit_price: 'DOUBLE',
      transaction_date: 'TIMESTAMP', store_id: 'VARCHAR' })
  ) to ${quoted(parquet)} (format parquet, compression snappy, row_group_size 122880)`);
}

async function runSql(sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    await connection.run(sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
