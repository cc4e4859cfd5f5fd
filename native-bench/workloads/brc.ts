import type { Workload } from "../workload.ts";

export const workload: Workload = {
  name: "brc",
  what: "one billion row challenge (scaled): station;temperature, min, mean and max by station",
  engines: {
    millrace: async (task) => {
      const { grouped } = await import("../peers/millrace.ts");
      const { avg, max, min, read } = await import("millrace");
      const result = read
        .csv(task.file("measurements.txt"), {
          schema: { station: "utf8", temperature: "float64" },
          delimiter: ";",
          header: false,
          quote: null,
        })
        .groupBy("station")
        .agg((c) => ({ low: min(c.temperature), average: avg(c.temperature), high: max(c.temperature) }));
      return grouped(task, result, ["low", "average", "high"]);
    },
    duckdb: async (task) => {
      const { grouped, quoted } = await import("../peers/duckdb.ts");
      const source = `read_csv(${quoted(task.file("measurements.txt"))}, header = false, auto_detect = false, delim = ';', quote = '',
        escape = '', columns = { station: 'VARCHAR', temperature: 'DOUBLE' })`;
      const sql = `select station, min(temperature) as low, avg(temperature) as average, max(temperature) as high from ${source} group by 1`;
      return grouped(task, sql, ["low", "average", "high"]);
    },
    polars: async (task) => {
      const { groupBy, pl, summed } = await import("../peers/polars.ts");
      const rows = pl.scanCSV(task.file("measurements.txt"), {
        hasHeader: false,
        sep: ";",
        quoteChar: "\u0001",
        rechunk: false,
        schema: { station: pl.Utf8, temperature: pl.Float64 },
      });
      const temperature = pl.col("temperature");
      const result = groupBy(rows, ["station"]).agg(
        temperature.min().alias("low"),
        temperature.mean().alias("average"),
        temperature.max().alias("high"),
      );
      return summed(result, ["low", "average", "high"]);
    },
  },
};
