import { salesSchema } from "../salesSchema.ts";
import type { Workload } from "../workload.ts";

const rounds = 4;

export const workload: Workload = {
  name: "csv-checks",
  what: `CSV to Parquet (snappy), what five row checks cost: with and without, ${rounds} times in turn in one process`,
  engines: {
    millrace: async (task) => {
      const { statement } = await import("../peers/millrace.ts");
      const { check, read } = await import("millrace");
      const checks = [
        check.notNull("customer_id"),
        check.matches("store_id", /^S[0-9]+$/),
        check.between("quantity", { min: 1, max: 100 }),
        check.notBlank("transaction_id"),
        check.satisfies((c) => c.quantity.mul(c.unit_price).gte(0)),
      ];
      const times: { readonly on: number[]; readonly off: number[] } = { on: [], off: [] };
      for (let round = 0; round < rounds; round++) {
        // The order turns, so that neither always follows the other.
        for (const way of round % 2 === 0 ? (["off", "on"] as const) : (["on", "off"] as const)) {
          const sales = read.csv(task.file("sales.csv"), { schema: salesSchema });
          const rows = way === "on" ? sales.expect(...checks) : sales;
          const started = performance.now();
          await statement(task, rows.write.parquet(`${task.out}/result`, { compression: "snappy", mode: "overwrite" }));
          times[way].push(performance.now() - started);
        }
      }
      const median = (all: readonly number[]) => [...all].sort((a, b) => a - b)[all.length >> 1] ?? 0;
      const [on, off] = [median(times.on), median(times.off)];
      task.note(
        `without checks ${(off / 1000).toFixed(2)} s, with five ${(on / 1000).toFixed(2)} s: ratio ${(on / off).toFixed(3)} (${((100 * on) / off - 100).toFixed(1)} %); first runs ${[times.off[0], times.on[0]].map((ms) => `${((ms ?? 0) / 1000).toFixed(2)} s`).join(" and ")}`,
      );
      return {};
    },
  },
};
