/**
 * Millrace inside a larger pipeline: CSV comes from one Node stream, JSON lines go into another, each no faster than the other end allows.
 *
 *   cat sales.csv | node examples/stream.ts > clean.jsonl
 */
import { check, Engine, read } from "millrace";

const engine = await Engine.create({ workers: 2 });
try {
  const sales = read
    .stream(process.stdin, {
      format: "csv",
      schema: { transaction_id: "utf8", quantity: "int32", unit_price: "float64", store_id: "utf8" },
      onReject: "quarantine",
    })
    .expect(check.notBlank("store_id"), check.between("quantity", { min: 1, max: 1000 }, { action: "quarantine" }))
    .withColumns((c) => ({ total: c.quantity.mul(c.unit_price) }));
  const { report } = await engine.run(sales.write.stream(process.stdout, { format: "jsonl" }));
  process.stderr.write(report.toText());
} finally {
  await engine.close();
}
