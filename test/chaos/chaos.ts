import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Case, casesOf, type Where } from "./cases.ts";
import { Database } from "./database.ts";
import { writeInputs } from "./inputs.ts";
import { Lane, type Reference } from "./lane.ts";
import { type Pipeline, pipelines } from "./pipelines.ts";
import { writePrograms } from "./processes.ts";
import { Trial, type Outcome } from "./trial.ts";
import { Judge } from "./verify.ts";

export interface ChaosOptions {
  readonly pipelines: readonly string[];
  /** Per pipeline. */
  readonly kills: number;
  readonly seed: number;
  readonly rows: number;
  /** Cases at the same time. */
  readonly lanes: number;
  /** Cases from this number on. */
  readonly from?: number;
  /** So many cases at most. */
  readonly count?: number;
  /** Only the case of this number. */
  readonly only?: number;
  /** Kills at this point (`name:n`) and nowhere else. */
  readonly point?: Where;
  /** No new case is begun after so many seconds. */
  readonly seconds?: number;
  readonly say?: (text: string) => void;
}

/** What came of all cases of a pipeline. */
export interface Summary {
  readonly pipeline: string;
  readonly cases: number;
  readonly kills: number;
  /** Of the points that the pipeline passes, those at which it was killed. */
  readonly covered: readonly string[];
  readonly passed: readonly string[];
  readonly resumes: number;
  readonly pairs: number;
  readonly redoneMax: number;
  readonly reads: number;
  readonly failures: readonly { readonly number: number; readonly what: readonly string[] }[];
}

/** Kills processes of every pipeline and has others go on; tells what was not as it would have been undisturbed. */
export async function chaos(options: ChaosOptions): Promise<Summary[]> {
  const root = mkdtempSync(join(process.env.CHAOS_FOLDER ?? tmpdir(), "millrace-chaos-"));
  const inputs = join(root, "inputs");
  const database = await Database.open(root);
  try {
    await writePrograms(root);
    await writeInputs(inputs, options.rows, database);
    const summaries: Summary[] = [];
    for (const name of options.pipelines) {
      const pipeline = pipelines.find((one) => one.name === name);
      if (pipeline === undefined)
        throw new Error(`no pipeline ${name}; there are ${pipelines.map((one) => one.name).join(", ")}`);
      summaries.push(await tryPipeline(pipeline, options, { root, inputs, database }));
    }
    return summaries;
  } finally {
    database.close();
    rmSync(root, { recursive: true, force: true });
  }
}

interface Around {
  readonly root: string;
  readonly inputs: string;
  readonly database: Database;
}

async function tryPipeline(pipeline: Pipeline, options: ChaosOptions, { root, inputs, database }: Around): Promise<Summary> {
  const older = join(root, `older-${pipeline.name}`);
  mkdirSync(older);
  await pipeline.older?.(older, database);
  const lanes = Array.from(
    { length: options.lanes },
    (_, i) => new Lane(join(root, `${pipeline.name}-${i}`), root, inputs, options.rows * 4),
  );
  try {
    const [first] = lanes as [Lane];
    const whole = await first.reference(pipeline, older);
    const judge = await Judge.of(pipeline, whole, first, { inputs, older, database });
    const reference = await first.withResume(pipeline, older, whole);
    const cases = choose(pipeline, reference, options);
    const outcomes = new Map<number, Outcome>();
    const began = Date.now();
    const queue = [...cases];
    await Promise.all(
      lanes.map(async (lane) => {
        for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
          if (options.seconds !== undefined && Date.now() - began > options.seconds * 1000) return;
          const outcome = await new Trial(pipeline, lane, reference, judge, older).run(one);
          outcomes.set(one.number, outcome);
          for (const what of outcome.failures) options.say?.(`${pipeline.name} case ${one.number}: ${what}`);
        }
      }),
    );
    return summarize(pipeline, reference, outcomes);
  } finally {
    for (const lane of lanes) lane.close();
  }
}

function choose(
  pipeline: Pipeline,
  reference: Reference,
  { kills, seed, from = 0, count = kills, only, point }: ChaosOptions,
): Case[] {
  const cases = casesOf(pipeline.name, reference, kills, seed);
  if (point !== undefined) return cases.map((one) => ({ ...one, where: point }));
  return only === undefined ? cases.slice(from, from + count) : cases.filter(({ number }) => number === only);
}

function summarize(pipeline: Pipeline, reference: Reference, outcomes: ReadonlyMap<number, Outcome>): Summary {
  const all = [...outcomes.values()];
  const sum = (of: (outcome: Outcome) => number) => all.reduce((total, outcome) => total + of(outcome), 0);
  return {
    pipeline: pipeline.name,
    cases: all.length,
    kills: sum(({ kills }) => kills),
    covered: [...new Set(all.flatMap(({ points }) => points))].sort(),
    passed: [...reference.passings.keys(), ...reference.resumePassings.keys()].sort(),
    resumes: sum(({ resumes }) => resumes),
    pairs: sum(({ pairs }) => pairs),
    redoneMax: Math.max(0, ...all.map(({ redone }) => redone)),
    reads: sum(({ reads }) => reads),
    failures: [...outcomes].flatMap(([number, { failures }]) => (failures.length === 0 ? [] : [{ number, what: failures }])),
  };
}
