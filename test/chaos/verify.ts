import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "./database.ts";
import type { Lane, Reference } from "./lane.ts";
import type { Pipeline } from "./pipelines.ts";
import { differences, type Expected, expectedOf, partialIn, type Tree, treeOf } from "./target.ts";

const tableColumns =
  "count(*) AS rows, sum(id)::VARCHAR AS ids, sum(n)::VARCHAR AS n, bit_xor(hash(id, store, n, day))::VARCHAR AS hash";

/** Compares what a case leaves with what an undisturbed run does, and that with plain DuckDB. */
export class Judge {
  private readonly pipeline: Pipeline;
  private readonly reference: Reference;
  private readonly database: Database;
  /** What plain DuckDB says of the inputs, in the order of the pipeline's judgements. */
  private readonly expected: readonly string[];
  /** What a table may hold: before, and after. */
  private readonly rejects: string;
  private readonly tables: ReadonlyMap<string, readonly [string, string]>;

  private constructor(
    pipeline: Pipeline,
    reference: Reference,
    database: Database,
    expected: readonly string[],
    tables: ReadonlyMap<string, readonly [string, string]>,
    rejects: string,
  ) {
    this.pipeline = pipeline;
    this.reference = reference;
    this.database = database;
    this.expected = expected;
    this.tables = tables;
    this.rejects = rejects;
  }

  /** @throws Error where the undisturbed run does not agree with plain DuckDB */
  static async of(
    pipeline: Pipeline,
    reference: Reference,
    lane: Lane,
    { inputs, older, database }: { readonly inputs: string; readonly older: string; readonly database: Database },
  ): Promise<Judge> {
    const expected: string[] = [];
    for (const one of pipeline.judge(inputs, lane.out)) expected.push(await values(database, one.expected));
    const tables = new Map<string, readonly [string, string]>();
    for (const { file, table } of pipeline.tables ?? []) {
      const [before, after] = [older, lane.out].map((folder) => database.rowOf(join(folder, file), table, tableColumns));
      tables.set(file, [(await before) ?? "", (await after) ?? ""]);
    }
    const rejects = await rejectsIn(database, lane.runFolder(reference.runId));
    const judge = new Judge(pipeline, reference, database, expected, tables, rejects);
    const wrong = await judge.wrongRows(inputs, lane.out);
    if (wrong.length > 0) throw new Error(`${pipeline.name} is wrong undisturbed: ${wrong.join("; ")}`);
    return judge;
  }

  expectedIn(folder: string): Expected {
    return expectedOf(folder, this.reference.before, this.reference.after);
  }

  /** What is neither old nor new behind a kill. */
  async partial(out: string): Promise<string[]> {
    const found = [...partialIn(this.expectedIn(out))];
    for (const [file, states] of this.tables) {
      const table = this.pipeline.tables?.find((one) => one.file === file)?.table ?? "";
      const state = await this.database.rowOf(join(out, file), table, tableColumns);
      if (!states.includes(state)) found.push(`${file} holds ${state} instead of ${states.join(" or ")}`);
    }
    return found;
  }

  /** What is not as an undisturbed run leaves it. */
  async wrong(inputs: string, lane: Lane, runId: string): Promise<string[]> {
    const { reference, tables, pipeline, database } = this;
    const found = differences(reference.after, treeOf(lane.out));
    for (const [file, [, after]] of tables) {
      const table = pipeline.tables?.find((one) => one.file === file)?.table ?? "";
      const state = await database.rowOf(join(lane.out, file), table, tableColumns);
      if (state !== after) found.push(`${file} holds ${state} instead of ${after}`);
    }
    found.push(...(await this.wrongRows(inputs, lane.out)));
    found.push(
      ...differences(kept(reference.runFolder), kept(treeOf(lane.runFolder(runId)))).map((what) => `run folder: ${what}`),
    );
    const rejects = await rejectsIn(database, lane.runFolder(runId));
    if (rejects !== this.rejects) found.push(`rejects: ${rejects} instead of ${this.rejects}`);
    if (existsSync(join(lane.runFolder(runId), "scratch"))) found.push("run folder: scratch is left over");
    return found;
  }

  private async wrongRows(inputs: string, out: string): Promise<string[]> {
    const found: string[] = [];
    for (const [i, one] of this.pipeline.judge(inputs, out).entries()) {
      const is = await values(this.database, one.found);
      if (is !== this.expected[i]) found.push(`plain DuckDB finds ${is} instead of ${this.expected[i]}`);
    }
    return found;
  }
}

/** The values of a query's one row, whatever its columns are called and typed. */
const values = async (database: Database, sql: string): Promise<string> =>
  JSON.stringify((JSON.parse(await database.row(sql)) as readonly unknown[] | null)?.map(String));

/** All rejects in their order, but for the id of the run. */
const rejectsIn = async (database: Database, folder: string): Promise<string> => {
  const file = join(folder, rejectsFile);
  if (!existsSync(file)) return "none";
  return database.row(`SELECT count(*), md5(string_agg(x::VARCHAR, '|')) FROM (SELECT * EXCLUDE (run_id) FROM '${file}') x`);
};

const rejectsFile = "rejects/rejects.parquet";

/** What must be alike in the folder of a run: its rejects. Of the rest, which name the run, the names; and of owners none: every process is one. */
function kept(tree: Tree): Tree {
  const found = new Map<string, string>();
  for (const [path, hash] of tree) {
    if (/(^|\/)owners\/\d+\.json$/.test(path) || path === "heartbeat.json") continue;
    found.set(path, ["journal", "report.json", "tables", rejectsFile].includes(path) ? "there" : hash);
  }
  return found;
}
