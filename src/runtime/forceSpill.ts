/**
 * A testing aid: with `MILLRACE_FORCE_SPILL=1` in the environment, everything that may spill does so after every batch, whatever memory there is.
 * Results must not depend on it.
 */
export const forceSpill: boolean = process.env.MILLRACE_FORCE_SPILL === "1";
