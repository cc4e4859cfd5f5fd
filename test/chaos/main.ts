import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { killPoints } from "../../src/io/killPoint.ts";
import type { Where } from "./cases.ts";
import { chaos, type Summary } from "./chaos.ts";
import { pipelines } from "./pipelines.ts";

/** `npm run chaos`: kills runs, resumes them, and compares what they leave with undisturbed ones. Exit code 1 when something differs. */
const { values } = parseArgs({
  options: {
    pipeline: { type: "string", multiple: true, default: [] },
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    rows: { type: "string", default: "50000" },
    lanes: { type: "string", default: "2" },
    from: { type: "string" },
    count: { type: "string" },
    case: { type: "string" },
    json: { type: "string" },
    point: { type: "string" },
    seconds: { type: "string" },
  },
});

function whereOf(text: string): Where {
  const [point = "", nth = "1"] = text.split(":");
  return { kind: "point", point, nth: Number(nth) };
}

const column = (cells: readonly (string | number)[], widths: readonly number[]): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i] ?? 0) : String(cell).padStart(widths[i] ?? 0))).join("  ");

function print(summaries: readonly Summary[]): void {
  const head = ["pipeline", "cases", "kills", "points", "resumes", "two at once", "redone max", "reads", "failures"];
  const rows = summaries.map(({ pipeline, cases, kills, covered, passed, resumes, pairs, redoneMax, reads, failures }) => {
    const points = `${covered.filter((point) => passed.includes(point)).length}/${passed.length}`;
    return [pipeline, cases, kills, points, resumes, pairs, redoneMax, reads, failures.length];
  });
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => String(row[i]).length)));
  for (const row of [head, ...rows]) console.log(column(row, widths));
  const fired = new Set(summaries.flatMap(({ covered }) => covered));
  const never = killPoints.filter((point) => !fired.has(point));
  console.log(never.length === 0 ? "Every kill point fired." : `Kill points that never fired: ${never.join(", ")}`);
}

const seed = Number(values.seed);
const summaries = await chaos({
  pipelines: values.pipeline.length > 0 ? values.pipeline : pipelines.map(({ name }) => name),
  kills: Number(values.kills),
  seed,
  rows: Number(values.rows),
  lanes: Number(values.lanes),
  ...(values.from === undefined ? {} : { from: Number(values.from) }),
  ...(values.count === undefined ? {} : { count: Number(values.count) }),
  ...(values.case === undefined ? {} : { only: Number(values.case) }),
  ...(values.point === undefined ? {} : { point: whereOf(values.point) }),
  ...(values.seconds === undefined ? {} : { seconds: Number(values.seconds) }),
  say: console.log,
});
print(summaries);
if (values.json !== undefined) for (const summary of summaries) appendFileSync(values.json, `${JSON.stringify(summary)}\n`);
for (const { pipeline, failures } of summaries) {
  for (const { number } of failures) {
    const point = values.point === undefined ? "" : ` --point ${values.point}`;
    console.log(`again: npm run chaos -- --seed ${seed} --kills ${values.kills} --pipeline ${pipeline} --case ${number}${point}`);
  }
}
process.exitCode = summaries.some(({ failures }) => failures.length > 0) ? 1 : 0;
