export interface Percentiles {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Of values that are taken as whole numbers from 0 on: each percentile is the smallest value that so many of them do not pass (nearest rank),
 * the mean a whole number, too. All are 0 where there are no values.
 */
export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values, (value) => Math.max(0, Math.round(value))).sort();
  const count = sorted.length;
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * count) - 1)] ?? 0;
  const sum = sorted.reduce((a, b) => a + b, 0);
  return {
    count,
    min: at(0),
    mean: Math.round(sum / Math.max(1, count)),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max: at(1),
  };
}
