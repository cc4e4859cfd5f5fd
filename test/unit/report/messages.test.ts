import { afterEach, describe, expect, it, vi } from "vitest";
import { consoleAlerts, type Post, mailAlerts, slackAlerts, webhookAlerts } from "../../../src/report/alertHandlers.js";
import { type Finding, violations } from "../../../src/report/alertRules.js";
import { alerts } from "../../../src/report/alerts.js";
import type { LiveAlert } from "../../../src/report/liveAlerts.js";
import type { PastRun } from "../../../src/report/model.js";
import { buildReport, pastRun } from "../../../src/report/report.js";
import { openTelemetry } from "../../../src/report/telemetry.js";
import { run, stage, startMs, wholeRun } from "./sample.js";

const error = { code: "FILE_IO", category: "External", message: "the disk is gone" } as const;
const failed = buildReport(wholeRun({ error, outputs: [] }));
const partial = buildReport(wholeRun());
const evil = `<!channel> *bold*\r\nBcc: all@example.org ${"x".repeat(5000)}`;
const hostile = buildReport(wholeRun({ job: evil, error: { ...error, message: evil } }));

describe("the Slack message", () => {
  it.each([
    [buildReport(run()), "#2e7d32"],
    [partial, "#b26a00"],
    [failed, "#c62828"],
    [hostile, "#c62828"],
  ])("is Block Kit within its limits, in the status's colour", (report, color) => {
    const message = report.toSlack();
    const [attachment] = message.attachments;
    expect(message.attachments).toHaveLength(1);
    expect(attachment?.color).toBe(color);
    const blocks = attachment?.blocks ?? [];
    expect(blocks.length).toBeLessThanOrEqual(50);
    for (const block of blocks) {
      if (block.type === "header") expect(block.text.text.length).toBeLessThanOrEqual(150);
      if (block.type === "section") expect(block.text?.text.length ?? 0).toBeLessThanOrEqual(3000);
      if (block.type === "section") expect((block.fields ?? []).length).toBeLessThanOrEqual(10);
    }
    const texts = JSON.stringify(blocks.filter((block) => block.type !== "header"));
    expect(texts).not.toMatch(/<!|\\r/);
    expect(message.text).not.toMatch(/<|\r|\n/);
  });

  it("has the figures a channel wants", () => {
    const text = JSON.stringify(partial.toSlack());
    for (const part of ["[PARTIAL] nightly", "217 records/s", "99.23 %", "100 MB", "no checks", "scan"])
      expect(text).toContain(part);
  });
});

describe("the mail", () => {
  it("has a subject of one line that begins with the status", () => {
    expect(partial.toEmail().subject).toBe(
      "[PARTIAL] nightly: Finished with rejects in 1 min: 13,000 records read, 20 rows written, 100 rejected.",
    );
    expect(failed.toEmail().subject).toMatch(/^\[FAILED\] nightly: Failed after 1 min; nothing was published\.$/);
    expect(hostile.toEmail().subject).not.toMatch(/[\r\n]/);
    expect(hostile.toEmail().subject.length).toBeLessThanOrEqual(180);
  });

  it("has text and escaped HTML", () => {
    const { html, text } = hostile.toEmail();
    expect(text).toContain("FILE_IO");
    expect(html).toContain("&lt;!channel&gt;");
    expect(html).not.toContain("<!channel>");
  });
});

describe("Grafana's series", () => {
  it("have one point each, at the run's end in milliseconds", () => {
    const series = new Map(partial.toGrafana().map(({ target, datapoints }) => [target, datapoints]));
    const end = startMs + 60_000;
    expect(series.get("execution.duration")).toEqual([[60_000, end]]);
    expect(series.get("execution.records_failed")).toEqual([[100, end]]);
    expect(series.get("performance.records_per_second")).toEqual([[13_000 / 60, end]]);
    expect(series.get("stage.scan.duration")).toEqual([[50_000, end]]);
    expect(series.get("stage.merge (2).success_rate")).toEqual([[100, end]]);
    expect(series.has("quality.score")).toBe(false);
    const quality = buildReport(run({ quality: { score: 97.5, verdict: "passed", checks: [] } })).toGrafana();
    expect(quality.find(({ target }) => target === "quality.score")?.datapoints[0]?.[0]).toBe(97.5);
  });
});

describe("Prometheus' text", () => {
  /** As in the exposition format: comments, then name, labels in quotes, and a number. */
  const linePattern = /^(?:# (?:HELP|TYPE) .+|[a-z_]+\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)*\} [-+0-9.e]+)$/;

  it.each([partial, failed, hostile, buildReport(wholeRun({ job: 'a"b\\c\nd' }))])("is well-formed", (report) => {
    const text = report.toPrometheus();
    expect(text.endsWith("\n")).toBe(true);
    for (const line of text.trimEnd().split("\n")) expect(line).toMatch(linePattern);
  });

  it("has the run's figures under the agreed names", () => {
    const lines = partial.toPrometheus().split("\n");
    expect(lines).toContain('batch_job_records_processed_total{job_name="nightly",status="partial"} 12900');
    expect(lines).toContain('batch_job_records_failed_total{job_name="nightly",status="partial"} 100');
    expect(lines).toContain('batch_job_completions_total{job_name="nightly",status="partial",error_type="none"} 1');
    expect(lines).toContain('batch_job_duration_seconds_sum{job_name="nightly",job_type="batch",status="partial"} 60');
    expect(lines).toContain('batch_job_duration_seconds_bucket{job_name="nightly",job_type="batch",status="partial",le="15"} 0');
    expect(lines).toContain('batch_job_duration_seconds_bucket{job_name="nightly",job_type="batch",status="partial",le="60"} 1');
    expect(lines).toContain(`batch_job_last_success_timestamp{job_name="nightly"} ${startMs / 1000 + 60}`);
  });

  it("leaves the last success alone when a run fails", () => {
    expect(failed.toPrometheus()).not.toContain("last_success");
    expect(failed.toPrometheus()).toContain('error_type="External"');
  });
});

describe("the rules of alerts", () => {
  const codes = (...args: Parameters<typeof violations>) => violations(...args).map(({ code }) => code);
  const usual = (changes: Partial<PastRun>) => [{ ...pastRun(partial.data), ...changes }];
  const read = (recordsRead: number, rejected: number) =>
    buildReport(run({ stages: [stage(0, { recordsRead, recordsIn: recordsRead, rejected })] })).data;

  it("are kept by a good run", () => {
    expect(codes(buildReport(run()).data)).toEqual([]);
    expect(codes(partial.data)).toEqual([]);
  });

  it("hold up to the threshold and break past it", () => {
    expect(codes(read(1000, 50))).toEqual([]);
    expect(codes(read(1000, 51))).toEqual(["success-rate"]);
    const quality = (score: number) => buildReport(run({ quality: { score, verdict: "failed", checks: [] } })).data;
    expect(codes(quality(90))).toEqual([]);
    expect(codes(quality(89.9))).toEqual(["quality-score"]);
    const slow = (durationMs: number) => buildReport(wholeRun(), usual({ durationMs }), 20).data;
    expect(codes(slow(30_000))).toEqual([]);
    expect(codes(slow(29_999))).toEqual(["slower-than-usual"]);
    expect(codes(buildReport(run({ endMs: startMs + 3_600_000 })).data)).toEqual([]);
    expect(codes(buildReport(run({ endMs: startMs + 3_600_001 })).data)).toEqual(["long-run"]);
  });

  it("tell of outputs without rows, of retries, and of a job that has not finished for a day", () => {
    const output = { path: "out", format: "csv", mode: "error", rows: 0, bytes: 0, partitions: 0, files: [] };
    expect(codes(buildReport(run({ outputs: [output] })).data)).toEqual(["empty-output"]);
    const attempt = {
      attempt: 2,
      reason: "retry",
      worker: 0,
      queuedMs: 0,
      startMs: 0,
      endMs: 1,
      outcome: "done",
      code: null,
      message: null,
      stage: "s",
      partition: 0,
    } as const;
    expect(codes(buildReport(run({ attempts: [attempt, attempt, attempt] })).data)).toEqual([]);
    expect(codes(buildReport(run({ attempts: [attempt, attempt, attempt, attempt] })).data)).toEqual(["many-retries"]);
    const stale = usual({ start: new Date(startMs - 86_400_000).toISOString() });
    expect(codes(buildReport(wholeRun({ error }), stale, 20).data)).toEqual(["run-failed", "no-success"]);
    expect(codes(buildReport(wholeRun({ error }), usual({}), 20).data)).toEqual(["run-failed"]);
  });

  it("can be changed and switched off", () => {
    expect(codes(read(1000, 51), { successRate: 94 })).toEqual([]);
    expect(codes(read(1000, 51), { successRate: null })).toEqual([]);
    expect(codes(failed.data, { failed: null })).toEqual([]);
    expect(codes(partial.data, { successRate: 99.9 })).toEqual(["success-rate"]);
  });
});

const codesOf = ({ violations: broken }: { readonly violations: readonly Finding[] }) => broken.map(({ code }) => code);

describe("alerts", () => {
  afterEach(() => vi.restoreAllMocks());

  it("call every handler once per run, and only for runs that break a rule", async () => {
    const sent: string[] = [];
    const observer = alerts({
      handlers: ["a", "b"].map((name) => ({ name, send: (alert) => void sent.push(`${name} ${alert.violations[0]?.code}`) })),
    });
    await observer.finished?.(partial);
    expect(sent).toEqual([]);
    await observer.finished?.(failed);
    await observer.finished?.(failed);
    expect(sent).toEqual(["a run-failed", "b run-failed"]);
  });

  it("warn of a handler that fails, and go on", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const sent: string[] = [];
    const broken = { name: "broken", send: () => Promise.reject(new Error("no route")) };
    await alerts({ handlers: [broken, { name: "good", send: () => void sent.push("good") }] }).finished?.(failed);
    expect(sent).toEqual(["good"]);
    expect(warned.mock.calls.map(([message]) => message)).toEqual(["an alert could not be sent by broken: no route"]);
  });

  it("reach the console, webhooks, Slack and mail", async () => {
    const lines: string[] = [];
    const posted: { url: string; body: { status?: string; violations?: unknown[]; attachments?: unknown[] } }[] = [];
    const fetch: Post = async (url, { body }) => {
      posted.push({ url, body: JSON.parse(body) });
      return { ok: true, status: 200 };
    };
    const mails: { subject: string; to: string }[] = [];
    const transport = { sendMail: async (mail: { subject: string; to: string }) => mails.push(mail) };
    const handlers = [
      consoleAlerts((line) => lines.push(line)),
      webhookAlerts("https://example.org/hook", { fetch }),
      slackAlerts("https://example.org/slack", { fetch }),
      mailAlerts(transport, { from: "a@example.org", to: "b@example.org" }),
    ];
    await alerts({ handlers }).finished?.(failed);
    expect(lines).toEqual(["[critical] nightly 20260131T000000-00000000 run-failed: FILE_IO: the disk is gone"]);
    expect(posted.map(({ url }) => url)).toEqual(["https://example.org/hook", "https://example.org/slack"]);
    expect(posted[0]?.body).toMatchObject({ status: "failed", violations: [{ code: "run-failed" }] });
    expect(posted[1]?.body.attachments).toHaveLength(1);
    expect(mails).toMatchObject([{ subject: failed.toEmail().subject, to: "b@example.org" }]);
  });

  it("tell of a run at work once for each rule, and not again at its end", async () => {
    const minute = 60_000;
    const live: string[] = [];
    const ended: string[] = [];
    const first = { name: "live", send: () => undefined, sendLive: (alert: LiveAlert) => void live.push(...codesOf(alert)) };
    const observer = alerts({
      rules: { durationMs: 40 * minute, timesUsual: 2, heartbeatMs: 5 * minute, zeroThroughputMs: 15 * minute },
      handlers: [
        first,
        { name: "ended", send: (alert) => void ended.push(...codesOf(alert)) },
        { ...first, send: (alert) => void ended.push(...codesOf(alert)) },
      ],
    });
    const { runId, job } = partial.data;
    observer.started?.({ runId, job, time: startMs, usualMs: 12 * minute });
    const beat = (minutes: number, records: number) =>
      observer.heartbeat?.({ runId, job, time: startMs + minutes * minute, stage: "scan", records, bytes: 0 });
    beat(5, 100); // exactly the limit
    expect(live).toEqual([]);
    beat(10.1, 200);
    expect(live).toEqual(["heartbeat-missing", "heartbeat-missing"]);
    for (const at of [14, 18, 22, 24]) beat(at, 200);
    expect(live).toHaveLength(2);
    beat(25, 200); // 14.9 minutes since the records moved
    expect(live.slice(2)).toEqual(["slower-than-usual", "slower-than-usual"]);
    beat(25.2, 200);
    beat(29, 200);
    expect(live.slice(4)).toEqual(["zero-throughput", "zero-throughput"]);
    beat(41, 300);
    expect(live.slice(6)).toEqual(["long-run", "long-run"]);
    beat(90, 300);
    expect(live).toHaveLength(8);
    const long = buildReport(wholeRun({ endMs: startMs + 45 * minute }));
    await observer.finished?.(long);
    expect(ended).toEqual(["long-run"]);
  });

  it("tell of a deadline when it passes, and not again at the end", async () => {
    const told: string[] = [];
    const observer = alerts({
      handlers: [
        {
          name: "live",
          send: ({ violations }) => void told.push(...violations.map(({ code }) => `end ${code}`)),
          sendLive: ({ violations }) => void told.push(...violations.map(({ code }) => `live ${code}`)),
        },
        { name: "ended", send: ({ violations }) => void told.push(...violations.map(({ code }) => `end ${code}`)) },
      ],
    });
    const late = buildReport(run({ deadlineMs: startMs + 4000 }));
    const { runId, job } = late.data;
    observer.started?.({ runId, job, time: startMs, usualMs: null, deadlineMs: startMs + 4000 });
    observer.deadlineMissed?.({ runId, job, time: startMs + 4000 });
    observer.deadlineMissed?.({ runId, job, time: startMs + 5000 });
    expect(told).toEqual(["live deadline-missed"]);
    await observer.finished?.(late);
    expect(told).toEqual(["live deadline-missed", "end deadline-missed"]);
    expect(late.data.execution.deadline).toEqual({ at: "2026-01-31T00:00:04.000Z", lateMs: 6000 });
    expect(late.toPrometheus()).toContain(
      'batch_job_sla_violations_total{job_name="nightly",violation_type="deadline_missed"} 1',
    );
    expect(violations(buildReport(run({ deadlineMs: startMs + 10_000 })).data)).toEqual([]);
    expect(violations(late.data, { deadline: null })).toEqual([]);
  });

  it("survive a handler that fails while the run goes on", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const broken = { name: "broken", send: () => undefined, sendLive: () => Promise.reject(new Error("no route")) };
    const observer = alerts({ rules: { durationMs: 1 }, handlers: [broken] });
    observer.started?.({ runId: "r", job: "j", time: 0, usualMs: null });
    observer.heartbeat?.({ runId: "r", job: "j", time: 10, stage: "", records: 0, bytes: 0 });
    await vi.waitFor(() => expect(warned).toHaveBeenCalledTimes(1));
    expect(warned.mock.calls[0]?.[0]).toBe("an alert could not be sent by broken: no route");
  });

  it("keep the address of a webhook, which may be secret, out of the warning", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const fetch: Post = async () => ({ ok: false, status: 403 });
    await alerts({ handlers: [slackAlerts("https://example.org/SECRET", { fetch })] }).finished?.(failed);
    expect(warned.mock.calls.map(([message]) => message)).toEqual([
      "an alert could not be sent by slack: the server answered 403",
    ]);
  });
});

describe("telemetry", () => {
  interface Kept {
    readonly name: string;
    readonly value: number;
    readonly labels: { readonly [name: string]: unknown };
  }

  /** In the shape of @opentelemetry/api, keeping what it is given. */
  function fakeApi() {
    const metrics: Kept[] = [];
    const spans: {
      name: string;
      parent: unknown;
      start: number;
      end: number | undefined;
      attributes: object;
      status: unknown;
      exceptions: unknown[];
    }[] = [];
    const instrument = (name: string) => {
      const keep = (value: number, labels: Kept["labels"] = {}) => void metrics.push({ name, value, labels });
      return { add: keep, record: keep };
    };
    const meter = {
      createCounter: instrument,
      createUpDownCounter: instrument,
      createHistogram: instrument,
      createGauge: instrument,
    };
    const startSpan = (name: string, options: { startTime: number; attributes: object }, parent: unknown) => {
      const span = {
        name,
        parent,
        start: options.startTime,
        end: undefined as number | undefined,
        attributes: { ...options.attributes },
        status: null as unknown,
        exceptions: [] as unknown[],
      };
      spans.push(span);
      return {
        setAttributes: (more: object) => Object.assign(span.attributes, more),
        setStatus: (status: unknown) => Object.assign(span, { status }),
        recordException: (exception: unknown) => void span.exceptions.push(exception),
        end: (time?: number) => void Object.assign(span, { end: time }),
      };
    };
    const api = {
      metrics: { getMeter: () => meter },
      trace: { getTracer: () => ({ startSpan }), setSpan: () => "inside" },
      context: { active: () => "active" },
    };
    return { api, metrics, spans };
  }

  const job = { runId: partial.data.runId, job: "nightly", time: startMs };

  it("has the agreed metrics, and few labels", () => {
    const { api, metrics } = fakeApi();
    const observer = openTelemetry<string>(api);
    observer.started?.(job);
    observer.progress?.({ ...job, records: 10, recordsPerSecond: 5 });
    observer.finished?.(partial);
    const of = (name: string) => metrics.filter((one) => one.name === name).map(({ value, labels }) => ({ value, labels }));
    expect(of("batch_jobs_running").map(({ value }) => value)).toEqual([1, -1]);
    expect(of("batch_job_duration_seconds")).toEqual([
      { value: 60, labels: { job_name: "nightly", job_type: "batch", status: "partial" } },
    ]);
    expect(of("batch_job_records_processed_total")).toEqual([
      { value: 12_900, labels: { job_name: "nightly", status: "partial" } },
    ]);
    expect(of("batch_job_records_failed_total")[0]?.value).toBe(100);
    expect(of("batch_job_progress_rate")[0]?.value).toBe(5);
    expect(of("batch_job_last_success_timestamp")[0]?.value).toBe(startMs / 1000 + 60);
    const labels = new Set(metrics.flatMap((one) => Object.keys(one.labels)));
    expect([...labels].sort()).toEqual(["error_type", "job_id", "job_name", "job_type", "status"]);
  });

  it("has a span of the run, and inside it one of each stage, at their own times", () => {
    const { api, spans } = fakeApi();
    openTelemetry<string>(api).finished?.(partial);
    expect(spans.map(({ name, parent }) => [name, parent])).toEqual([
      ["batch_job.nightly", "active"],
      ["batch_step.scan", "inside"],
      ["batch_step.merge (1)", "inside"],
      ["batch_step.merge (2)", "inside"],
    ]);
    expect(spans[0]).toMatchObject({
      start: startMs,
      end: startMs + 60_000,
      status: { code: 1 },
      attributes: { "batch.records.loaded": 20 },
    });
    expect(spans[1]).toMatchObject({
      start: startMs + 1000,
      end: startMs + 51_000,
      attributes: {
        "batch.records.extracted": 13_000,
        "batch.records.transformed": 12_000,
        "batch.records.transform_errors": 100,
      },
    });
  });

  it("records why a run failed, and does not count one down that never began", () => {
    const { api, spans, metrics } = fakeApi();
    openTelemetry<string>(api).finished?.(failed);
    expect(spans[0]).toMatchObject({ status: { code: 2 }, exceptions: [{ message: "the disk is gone", code: "FILE_IO" }] });
    expect(metrics.filter(({ name }) => name === "batch_jobs_running")).toEqual([]);
  });
});
