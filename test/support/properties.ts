import fc from "fast-check";

/**
 * Property tests take their seed and number of runs from the environment: `MILLRACE_PROPERTY_SEED` repeats a failure,
 * `MILLRACE_PROPERTY_RUNS` looks longer (for properties that do not set a number of their own).
 */
const { MILLRACE_PROPERTY_SEED: seed, MILLRACE_PROPERTY_RUNS: runs } = process.env;
fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  ...(runs === undefined ? {} : { numRuns: Number(runs) }),
});
