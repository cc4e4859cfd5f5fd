import { parseFile } from "@fast-csv/parse";
import { fastCsvRows } from "../workload.ts";

export interface SalesRecord {
  readonly customer_id: string;
  readonly product_id: string;
  readonly quantity: string;
  readonly unit_price: string;
  readonly transaction_date: string;
  readonly store_id: string;
}

/** Streams the first rows of the sales file as objects, the usual way to read CSV in Node. */
export function eachSale(path: string, take: (sale: SalesRecord) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    parseFile<SalesRecord, SalesRecord>(path, { headers: true, maxRows: fastCsvRows })
      .on("data", take)
      .on("error", reject)
      .on("end", () => resolve());
  });
}
