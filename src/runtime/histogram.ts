import { build, type Histogram } from "hdr-histogram-js";

export interface Percentiles {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Records positive whole numbers at three significant digits. */
export class Distribution {
  private readonly histogram: Histogram = build({ bitBucketSize: 64, autoResize: true, numberOfSignificantValueDigits: 3 });

  record(value: number): void {
    this.histogram.recordValue(Math.max(0, Math.round(value)));
  }

  percentiles(): Percentiles {
    const h = this.histogram;
    const count = h.totalCount;
    if (count === 0) return { count: 0, min: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    return {
      count,
      min: h.minNonZeroValue > h.maxValue ? 0 : h.minNonZeroValue,
      mean: Math.round(h.mean),
      p50: h.getValueAtPercentile(50),
      p95: h.getValueAtPercentile(95),
      p99: h.getValueAtPercentile(99),
      max: h.maxValue,
    };
  }
}
