import type { Dataset } from "../../src/plan/dataset.js";
import { read } from "../../src/plan/read.js";

/** Datasets as parameters, in loops and in conditions. */
const schema = { q: "int32", store_id: "utf8", n: "int64" } as const;
const sales = read.csv("sales.csv", { schema });

function whatever(dataset: Dataset): Dataset {
  return dataset.filter((c) => c.anything.gt(1));
}
function needs(dataset: Dataset<{ q: "int32" }>) {
  return dataset.select("q");
}
function keeps<S extends { readonly q: "int32"; readonly [column: string]: string }>(dataset: Dataset<S>): Dataset<S> {
  return dataset.limit(1);
}
whatever(sales);
whatever(read.csv("x"));
needs(sales);
keeps(sales).filter((c) => c.n.gt(1));
// @ts-expect-error a column is missing
needs(sales.drop("q"));
// @ts-expect-error columns are not known
needs(read.csv("x"));

export const either = Math.random() > 0.5 ? sales : sales.filter((c) => c.q.gt(1));
export const united = ["a", "b"].reduce((all, path) => all.union(read.csv(path, { schema })), sales);
let stepwise = sales;
stepwise = stepwise
  .filter((c) => c.q.gt(1))
  .sort("q")
  .limit(3)
  .distinct();
stepwise = stepwise.withColumns((c) => ({ q: c.q.add(c.q) }));
