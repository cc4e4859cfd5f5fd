import { writeSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
import { Engine, type EngineOptions } from "millrace";
import { planOf } from "../fuzz/planSteps.js";
import { randomFrom } from "../fuzz/random.js";

/** Which random plan to run, and where. */
export interface RandomRequest {
  readonly seed: number;
  readonly plan: number;
  readonly rows: number;
  readonly inputs: string;
  readonly out: string;
  readonly options: EngineOptions;
}

const { seed, plan: number, rows, inputs, out, options } = JSON.parse(process.argv[2] ?? "") as RandomRequest;
const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
const duckdb = await instance.connect();
const random = randomFrom(seed, number);
const plan = await planOf(duckdb, random, inputs, rows);
const sink = random.pick<"parquet" | "csv" | "jsonl" | "arrow">(["parquet", "csv", "jsonl", "arrow"]);
const engine = await Engine.create(options);
writeSync(1, `ready ${sink}\n${plan.log.join("\n")}\n`);
const { status } = await engine.run(plan.rows.write[sink](out, { mode: "overwrite" }), { resume: "auto", job: "random" });
writeSync(1, `ended ${status}\n`);
await engine.close();
process.exit(0);
