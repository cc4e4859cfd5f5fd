import { sum } from "../../../../src/plan/aggregates.js";
import { plan } from "../../../../src/plan/all.js";
import { desc } from "../../../../src/plan/expressions.js";
import { read } from "../../../../src/plan/read.js";
import { lead, rank, rowNumber } from "../../../../src/plan/window.js";
import { sales } from "../sources.js";

/** What a filter wants of a window is told to those who write its rows; where a function looks at rows behind a row, all are needed. */
const by = { partitionBy: ["store"], orderBy: [desc("price")] } as const;
const rows = sales(read);

export default plan.all(
  rows
    .window(by, (c) => ({ place: rank(), so_far: sum(c.price) }))
    .filter((c) => c.place.lt(4).and(c.quantity.gt(0)))
    .write.csv("first.csv"),
  rows
    .window(by, (c) => ({ place: rowNumber(), next: lead(c.id) }))
    .filter((c) => c.place.lte(3))
    .write.csv("ahead.csv"),
  rows.dedupe({ by: ["customer"], orderBy: ["sold_at"], keep: "last" }).write.csv("latest.csv"),
);
