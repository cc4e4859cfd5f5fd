import type Float64HistogramModule from "hdr-histogram-js/dist/Float64Histogram.js";
import { requireLibrary } from "../common/library.js";

const { default: Float64Histogram } = requireLibrary("hdr-histogram-js") as typeof Float64HistogramModule;

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
  private readonly histogram = new Float64Histogram(1, 2, 3);
  private sum = 0;
  private least = Number.POSITIVE_INFINITY;
  private most = 0;

  constructor() {
    this.histogram.autoResize = true;
  }

  record(value: number): void {
    const whole = Math.max(0, Math.round(value));
    this.histogram.recordValue(whole);
    this.sum += whole;
    this.least = Math.min(this.least, whole);
    this.most = Math.max(this.most, whole);
  }

  /** Adds all that the other has recorded; nothing is lost, as both have the same buckets. */
  merge(other: Distribution): void {
    this.histogram.add(other.histogram);
    this.sum += other.sum;
    this.least = Math.min(this.least, other.least);
    this.most = Math.max(this.most, other.most);
  }

  percentiles(): Percentiles {
    const h = this.histogram;
    const count = h.totalCount;
    if (count === 0) return { count: 0, min: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    return {
      count,
      // Exact, where the histogram knows no more than a bucket's border once it was merged.
      min: this.least,
      // The histogram's own mean walks every bucket below the maximum, millions of steps for large values, and is rounded to them.
      mean: Math.round(this.sum / count),
      p50: Math.min(this.most, h.getValueAtPercentile(50)),
      p95: Math.min(this.most, h.getValueAtPercentile(95)),
      p99: Math.min(this.most, h.getValueAtPercentile(99)),
      max: this.most,
    };
  }
}
