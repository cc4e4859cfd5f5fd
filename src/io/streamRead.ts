import { required } from "../common/assert.js";
import { configError, dataError, planError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import type { StreamInput } from "../plan/stream.js";
import type { Schema } from "../schema/types.js";
import { ExactLines, type LineRead } from "./jsonlExact.js";
import { type Fields, fieldValues, parseFields } from "./streamCsv.js";
import { type TextRecord, textRecords } from "./streamRecords.js";
import { TypeGuess } from "./textInfer.js";

/** A record of a stream: its values, or why it has none. */
export class StreamRecord {
  constructor(
    readonly place: TextRecord,
    readonly read: LineRead,
  ) {}
}

const sampleRecords = 1000;
const opened = new WeakMap<StreamInput, Promise<StreamReader>>();

const consumed = (): Error =>
  configError("STREAM_CONSUMED", "read.stream: the stream was read before, and a stream can be read once", {
    hint: "Make a new stream, and a plan that reads it, for each run.",
  });

/** Records of a Node stream, read no faster than they are asked for. The first ones are looked at so that a schema can be inferred. */
export class StreamReader {
  private header: readonly string[] | null = null;
  private done = false;
  private taken = false;
  private readonly held: TextRecord[] = [];
  private readonly source: AsyncGenerator<TextRecord[]>;

  private constructor(private readonly input: StreamInput) {
    const { format } = input;
    this.source = textRecords(input.readable, format.format === "csv" ? format : null);
  }

  /** Opens a stream, once: what was looked at to explain a plan is not lost to its run. @throws MillraceError Config/STREAM_CONSUMED */
  static open(input: StreamInput): Promise<StreamReader> {
    const known = opened.get(input);
    if (known === undefined && (input.readable.readableEnded || input.readable.destroyed)) throw consumed();
    const reader = known ?? StreamReader.begin(input);
    opened.set(input, reader);
    return reader;
  }

  private static async begin(input: StreamInput): Promise<StreamReader> {
    const reader = new StreamReader(input);
    while (reader.held.length <= sampleRecords && (await reader.more()));
    await reader.takeHeader();
    return reader;
  }

  /** The types of the sampled records: as read.csv and read.jsonl infer them, but that nested JSON is text. */
  async inferSchema(): Promise<Schema> {
    const sample = this.held.slice(0, sampleRecords);
    const guesses = new Map<string, TypeGuess>();
    const guess = (name: string): TypeGuess => {
      const made = guesses.get(name) ?? new TypeGuess();
      guesses.set(name, made);
      return made;
    };
    if (this.input.format.format === "csv") {
      for (const name of this.header ?? []) guess(name);
      const rows = await parseFields(sample, this.input.format);
      for (const row of rows) {
        if (row.kind !== "fields") continue;
        const names = this.header ?? row.fields.map((_, i) => `column${i}`);
        row.fields.forEach((text, i) => {
          const column = names[i];
          if (column !== undefined && text !== null) guess(column).add(text);
        });
      }
    } else for (const { bytes } of sample) guessJson(bytes, guess);
    if (guesses.size === 0) {
      throw planError("SCHEMA_NEEDED", "read.stream: the stream shows no column to infer a schema from", {
        hint: 'Give one: read.stream(readable, { format: "csv", schema: { id: "int64" } }).',
      });
    }
    return [...guesses].map(([name, made]) => ({ name, type: made.type, nullable: true }));
  }

  /** Slices of at most `size` records, read by the schema. Leaving the loop destroys the stream. */
  async *slices(size: number, schema: Schema): AsyncGenerator<StreamRecord[]> {
    if (this.taken) throw consumed();
    this.taken = true;
    const read = this.valueReader(schema);
    try {
      for (;;) {
        while (this.held.length < size && (await this.more()));
        if (this.held.length === 0) break;
        const records = this.held.splice(0, size);
        const values = await read(records);
        yield records.map((record, i) => new StreamRecord(record, required(values[i], "record")));
      }
    } finally {
      this.destroy();
    }
  }

  destroy(): void {
    this.input.readable.destroy();
  }

  private async more(): Promise<boolean> {
    if (this.done) return false;
    const next = await this.source.next();
    if (next.done === true) {
      this.done = true;
      return false;
    }
    const { comment } = this.input.format;
    const mark = comment === null ? -1 : comment.charCodeAt(0);
    for (const record of next.value) if (record.bytes[0] !== mark) this.held.push(record);
    return true;
  }

  private async takeHeader(): Promise<void> {
    const { format } = this.input;
    if (format.format !== "csv" || !format.header) return;
    const record = this.held.shift();
    if (record === undefined) return;
    const [read] = await parseFields([record], { ...format, nullValues: [] });
    if (read?.kind !== "fields") {
      throw dataError("CSV_NO_HEADER", "read.stream: the first record cannot be read as a header", {
        byte: record.byte,
        line: record.line,
      });
    }
    this.header = read.fields.map((name) => name ?? "");
  }

  private valueReader(schema: Schema): (records: readonly TextRecord[]) => Promise<readonly LineRead[]> {
    const { format } = this.input;
    if (format.format === "jsonl") {
      const lines = new ExactLines(schema);
      return async (records) => records.map(({ bytes }) => lines.read(bytes));
    }
    const { header } = this;
    const places = schema.map(({ name }, i) => (header === null ? i : this.place(name, header)));
    const width = header?.length ?? schema.length;
    return async (records) =>
      (await parseFields(records, format)).map((read: Fields) => fieldValues(read, schema, places, width));
  }

  private place(name: string, header: readonly string[]): number {
    const at = header.indexOf(name);
    if (at >= 0) return at;
    throw dataError(
      "SCHEMA_MISMATCH",
      `read.stream: the header has no column ${JSON.stringify(name)}. ${didYouMean(name, header)}`,
      {
        column: name,
      },
    );
  }
}

function guessJson(bytes: Buffer, guess: (name: string) => TypeGuess): void {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    // A line that is no JSON says nothing of the columns; it is rejected when it is read.
    return;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  for (const [name, item] of Object.entries(value)) {
    const column = guess(name);
    if (item === null) continue;
    column.add(typeof item === "object" ? "{" : String(item));
  }
}
