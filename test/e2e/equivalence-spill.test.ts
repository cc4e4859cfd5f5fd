/**
 * The equivalence suite once more, with everything that may spill doing so after every batch: the same plans, the same expected rows, and no scratch
 * file left. Both settings are read when the package is loaded.
 */
process.env.MILLRACE_FORCE_SPILL = "1";
process.env.MILLRACE_PROPERTY_RUNS ??= "6";
await import("./equivalence.test.js");
