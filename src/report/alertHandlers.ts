import type { Alert, AlertHandler } from "./alerts.js";
import { durationText, visible } from "./format.js";
import { html } from "./htmlText.js";
import type { LiveAlert } from "./liveAlerts.js";
import { reportSchemaVersion } from "./model.js";

/** The part of `fetch` that is used; tests pass their own. */
export type Post = (
  url: string,
  init: {
    readonly method: "POST";
    readonly headers: { readonly [name: string]: string };
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<{ readonly ok: boolean; readonly status: number }>;

export interface WebOptions {
  readonly headers?: { readonly [name: string]: string };
  /** Default 5,000. */
  readonly timeoutMs?: number;
  readonly fetch?: Post;
}

/** Writes each violation as one line to stderr, or where it is told to. */
export function consoleAlerts(write: (line: string) => void = (line) => console.error(line)): AlertHandler {
  return {
    name: "console",
    send: ({ report, violations }) => {
      const { job, runId } = report.data;
      for (const { level, code, text } of violations) write(visible(`[${level}] ${job} ${runId} ${code}: ${text}`));
    },
    sendLive: ({ job, runId, violations }) => {
      for (const { level, code, text } of violations) write(visible(`[${level}] ${job} ${runId} ${code}: ${text}`));
    },
  };
}

/** Posts `{ schemaVersion, job, runId, status, violations, report }` as JSON. @throws Error when the answer is no success */
export function webhookAlerts(url: string, options: WebOptions = {}): AlertHandler {
  return {
    name: "webhook",
    send: ({ report, violations }) => {
      const { schemaVersion, job, runId, status } = report.data;
      return post(url, { schemaVersion, job, runId, status, violations, report: report.data }, options);
    },
    sendLive: (alert) => post(url, { schemaVersion: reportSchemaVersion, status: "running", ...alert }, options),
  };
}

/** Posts the report's Slack message to an incoming webhook. @throws Error when the answer is no success */
export function slackAlerts(url: string, options: WebOptions = {}): AlertHandler {
  return {
    name: "slack",
    send: ({ report }) => post(url, report.toSlack(), options),
    sendLive: (alert) => post(url, { text: liveText(alert).replace(/[<>&]/g, (c) => slackEscapes[c] ?? c) }, options),
  };
}

const slackEscapes: { readonly [character: string]: string } = { "<": "&lt;", ">": "&gt;", "&": "&amp;" };

/** A run that goes on, in a line for its heading and one for each rule. */
function liveText({ job, runId, runningMs, violations }: LiveAlert): string {
  const heading = visible(`[RUNNING] ${job}: ${runId}, for ${durationText(runningMs)}`).slice(0, 180);
  return [heading, ...violations.map(({ text }) => visible(text))].join("\n");
}

async function post(
  url: string,
  body: unknown,
  { headers = {}, timeoutMs = 5000, fetch: send = fetch }: WebOptions,
): Promise<void> {
  const { ok, status } = await send(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  // The address may hold a secret, and stays out of messages.
  if (!ok) throw new Error(`the server answered ${status}`);
}

/** The part of a nodemailer transport that is used. */
export interface MailTransport {
  sendMail(message: MailMessage): Promise<unknown>;
}

export interface MailMessage {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Sends the report's mail by a transport that the program made, such as nodemailer's. */
export function mailAlerts(transport: MailTransport, { from, to }: { readonly from: string; readonly to: string }): AlertHandler {
  return {
    name: "mail",
    send: async ({ report }: Alert) => {
      await transport.sendMail({ from, to, ...report.toEmail() });
    },
    sendLive: async (alert) => {
      const text = liveText(alert);
      await transport.sendMail({
        from,
        to,
        subject: text.split("\n")[0] ?? "",
        text,
        html: html`${text.split("\n").map((line) => html`<p>${line}</p>`)}`.text,
      });
    },
  };
}
