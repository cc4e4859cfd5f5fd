import { durationText } from "./format.js";
import type { RunObserver } from "./observer.js";
import { errorType, processed, slaViolations } from "./prometheus.js";
import type { RunReport } from "./report.js";

type Attributes = { readonly [name: string]: string | number | boolean };

interface Counter {
  add(value: number, attributes?: Attributes): void;
}

interface Recorder {
  record(value: number, attributes?: Attributes): void;
}

interface MetricOptions {
  readonly unit?: string;
  readonly description?: string;
}

interface Meter {
  createCounter(name: string, options?: MetricOptions): Counter;
  createUpDownCounter(name: string, options?: MetricOptions): Counter;
  createHistogram(name: string, options?: MetricOptions): Recorder;
  createGauge(name: string, options?: MetricOptions): Recorder;
}

interface Span {
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  recordException(exception: { readonly name: string; readonly message: string; readonly code: string }, time?: number): void;
  end(endTime?: number): void;
}

interface Tracer<Context> {
  startSpan(
    name: string,
    options: { readonly startTime: number; readonly attributes: Attributes; readonly root?: boolean },
    context?: Context,
  ): Span;
}

/** What is used of `@opentelemetry/api`; the program passes the package itself. */
export interface OpenTelemetryApi<Context = never> {
  readonly metrics: { getMeter(name: string): Meter };
  readonly trace: {
    getTracer(name: string): Tracer<Context>;
    setSpan(context: Context, span: never): Context;
  };
  readonly context: { active(): Context };
}

/** Status codes of OpenTelemetry. */
const [statusOk, statusError] = [1, 2] as const;

const jobType = "batch";

/**
 * Metrics of every run and, when it ends, its spans: one of the run and one of each stage. Names and labels are those of docs/REPORT.md; nothing
 * per record or partition.
 */
export function openTelemetry<Context>(api: OpenTelemetryApi<Context>): RunObserver {
  const instruments = makeInstruments(api.metrics.getMeter("millrace"));
  const running = new Set<string>();
  return {
    name: "openTelemetry",
    started: ({ runId, job, time }) => {
      running.add(runId);
      instruments.running.add(1, { job_name: job, job_type: jobType });
      instruments.heartbeat.record(time / 1000, { job_id: runId, job_name: job });
    },
    progress: ({ runId, job, time, recordsPerSecond }) => {
      instruments.heartbeat.record(time / 1000, { job_id: runId, job_name: job });
      instruments.rate.record(recordsPerSecond, { job_id: runId, job_name: job });
    },
    finished: (report) => {
      const { job, runId } = report.data;
      // A run that fails before its plan is ready never began.
      if (running.delete(runId)) instruments.running.add(-1, { job_name: job, job_type: jobType });
      recordMetrics(instruments, report);
      recordSpans(api, report);
    },
  };
}

type Instruments = ReturnType<typeof makeInstruments>;

function makeInstruments(meter: Meter) {
  return {
    duration: meter.createHistogram("batch_job_duration_seconds", { unit: "s", description: "How long runs took." }),
    execution: meter.createHistogram("batch_job_execution_seconds", { unit: "s", description: "How long runs worked." }),
    running: meter.createUpDownCounter("batch_jobs_running", { description: "Runs at work." }),
    processed: meter.createCounter("batch_job_records_processed_total", { description: "Records read and not rejected." }),
    failed: meter.createCounter("batch_job_records_failed_total", { description: "Records rejected." }),
    completions: meter.createCounter("batch_job_completions_total", { description: "Runs that ended." }),
    violations: meter.createCounter("batch_job_sla_violations_total", { description: "Promises that runs broke." }),
    heartbeat: meter.createGauge("batch_job_heartbeat", { unit: "s", description: "When a run last gave a sign of life." }),
    rate: meter.createGauge("batch_job_progress_rate", { description: "Records a second." }),
    lastSuccess: meter.createGauge("batch_job_last_success_timestamp", { unit: "s", description: "When a run last finished." }),
  };
}

function recordMetrics(instruments: Instruments, { data, status }: RunReport): void {
  const { job, execution } = data;
  const named = { job_name: job };
  const seconds = execution.durationMs / 1000;
  instruments.duration.record(seconds, { ...named, job_type: jobType, status });
  instruments.execution.record(seconds, named);
  instruments.processed.add(processed(data), { ...named, status });
  instruments.failed.add(execution.recordsFailed, { ...named, status });
  instruments.completions.add(1, { ...named, status, error_type: errorType(data) });
  for (const type of slaViolations(data)) instruments.violations.add(1, { ...named, violation_type: type });
  if (status !== "failed") instruments.lastSuccess.record(Date.parse(execution.end) / 1000, named);
}

function recordSpans<Context>({ trace, context }: OpenTelemetryApi<Context>, { data, status }: RunReport): void {
  const { job, runId, execution } = data;
  const tracer = trace.getTracer("millrace");
  const [startTime, endTime] = [Date.parse(execution.start), Date.parse(execution.end)];
  const attributes = { "batch.job.name": job, "batch.job.id": runId, "batch.job.type": jobType };
  const active = context.active();
  const span = tracer.startSpan(`batch_job.${job}`, { startTime, attributes }, active);
  const inside = trace.setSpan(active, span as never);
  for (const stage of execution.stages) {
    const step = tracer.startSpan(`batch_step.${stage.label}`, { startTime: Date.parse(stage.start), attributes }, inside);
    step.setAttributes({
      "batch.records.extracted": stage.recordsIn,
      "batch.records.transformed": Math.max(0, stage.recordsIn - stage.filtered - stage.failed),
      "batch.records.transform_errors": stage.failed,
      "batch.records.loaded": stage.recordsOut,
    });
    step.end(Date.parse(stage.end));
  }
  span.setAttributes({
    "batch.records.extracted": execution.recordsRead,
    "batch.records.transformed": processed(data),
    "batch.records.transform_errors": execution.recordsFailed,
    "batch.records.loaded": execution.recordsWritten,
  });
  const { error } = execution;
  if (error === null) span.setStatus({ code: statusOk });
  else {
    span.recordException({ name: "MillraceError", message: error.message, code: error.code }, endTime);
    span.setStatus({ code: statusError, message: `${error.code} after ${durationText(execution.durationMs)} (${status})` });
  }
  span.end(endTime);
}
