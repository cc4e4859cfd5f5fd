/** A piece of work that several engines do on the same files. Each engine's way to do it is one function that gives a summary. */
export interface Workload {
  readonly name: string;
  /** One sentence for the table. */
  readonly what: string;
  readonly engines: { readonly [E in EngineName]?: (task: Task) => Promise<Summary> };
  /** SQL of one row that reads back what an engine wrote, outside the measured time; `{out}` is the output folder. */
  readonly readBack?: string;
  /** Why an engine takes no part. */
  readonly absent?: { readonly [E in EngineName]?: string };
}

export const engineNames = ["millrace", "duckdb", "polars", "fast-csv"] as const;
export type EngineName = (typeof engineNames)[number];

export interface Task {
  /** Files of the data folder by name. */
  readonly file: (name: DataFile) => string;
  /** An empty folder for outputs. */
  readonly out: string;
  readonly rows: number;
  readonly threads: number;
  /** A sentence of this run for the table, such as a ratio that the workload itself measured. */
  readonly note: (text: string) => void;
}

export const dataFiles = [
  "sales.csv",
  "sales.parquet",
  "sales.jsonl",
  "customers.parquet",
  "sales-dirty.csv",
  "sales-files",
  "measurements.txt",
] as const;
export type DataFile = (typeof dataFiles)[number];

/** Figures that all engines must agree on; floats up to a relative 1e-9. */
export type Summary = Readonly<Record<string, number>>;

/** Rows that fast-csv reads; its time is scaled up to the whole file and marked so. */
export const fastCsvRows = 500_000;

/** The function that stands for a user's: ten per cent off from the sixth piece on. */
export const discount = (quantity: number, price: number): number => (quantity > 5 ? quantity * price * 0.9 : quantity * price);

/** A function over text: the first three letters of a product, and whether its number is even. */
export const productGroup = (product: string): string =>
  `${product.slice(0, 3)}${product.charCodeAt(5) % 2 === 0 ? "-even" : "-odd"}`;

/** Sums named columns over rows of figures, for summaries of grouped results. */
export function totals(rows: Iterable<Readonly<Record<string, unknown>>>, columns: readonly string[]): Summary {
  const sums: Record<string, number> = Object.fromEntries(columns.map((name) => [name, 0]));
  let groups = 0;
  for (const row of rows) {
    groups++;
    for (const name of columns) sums[name] = (sums[name] ?? 0) + Number(row[name]);
  }
  return { groups, ...sums };
}
