/** Quick ways of a query that cannot always be gone. Where one of them refuses, the query fails and is run again without any of them. */
export const unsureSum = "millrace: a sum needs another pass";

const refusals = [
  new RegExp(unsureSum),
  // NaN and infinities, of which the statistics of files do not tell, where doubles are summed as integers.
  /Type DOUBLE with value .* out of range for the destination type (INT64|BIGINT)/,
  // A product of decimals that was tried in 64 bits.
  /Overflow in multiplication of DECIMAL\(18\)/,
];

/** Whether a query failed for what one of its quick ways refused. It may have failed for that anyway: then it does so again. */
export const isRefusal = (error: unknown): boolean => error instanceof Error && refusals.some((one) => one.test(error.message));
