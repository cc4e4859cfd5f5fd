import { configError } from "../common/errors.js";
import type { ResolvedSource } from "../plan/bound.js";
import type { CsvOptions } from "../plan/csvSpec.js";
import type { SourceSpec } from "../plan/nodes.js";
import type { StreamInput } from "../plan/stream.js";
import type { Schema } from "../schema/types.js";
import type { BatchReader, RejectSink } from "./contracts.js";
import { guessCsv } from "./csv/csvGuess.js";
import { headLengths, holdsHead, readCsvHead } from "./csv/csvHead.js";
import { openCsv, resolveCsv } from "./csv/csvSource.js";
import { openJsonl, resolveJsonl } from "./json/jsonlSource.js";
import { StreamBytes } from "./streamBytes.js";
import { type HeldText, readHeadBytes } from "./text/textBytes.js";
import { pieceBytes } from "./text/textPartitions.js";

/** What the program says of a stream's rows. */
type RowsSpec = Extract<SourceSpec, { readonly format: "rows" }>;

/** What messages call a stream. */
const name = "read.stream";
/** As much of a text is looked at to guess how it is written. */
const guessBytes = 128 * 1024;
const opened = new WeakMap<StreamInput, StreamReader>();

const consumed = (): Error =>
  configError("STREAM_CONSUMED", `${name}: the stream was read before, and a stream can be read once`, {
    hint: "Make a new stream, and a plan that reads it, for each run.",
  });

/**
 * Reads a Node stream by the readers of files: what it begins with is held, so that heads and types are found in it as in a file of these bytes. No
 * more is read than is asked for.
 */
export class StreamReader {
  private taken = false;
  private readonly bytes: StreamBytes;

  private constructor(private readonly input: StreamInput) {
    this.bytes = new StreamBytes(input.readable);
  }

  /** Opens a stream, once: what was looked at to explain a plan is not lost to its run. @throws MillraceError Config/STREAM_CONSUMED */
  static open(input: StreamInput): StreamReader {
    const known = opened.get(input);
    if (known === undefined && (input.readable.readableEnded || input.readable.destroyed)) throw consumed();
    const reader = known ?? new StreamReader(input);
    opened.set(input, reader);
    return reader;
  }

  /**
   * The source as a text of its own: its rules, with those that were to be guessed, and its columns.
   * @throws MillraceError as `read.csv` and `read.jsonl` do for such a file; External/STREAM_FAILED
   */
  async resolve({ schema, onReject, rejectLimits }: RowsSpec): Promise<ResolvedSource> {
    if (this.taken) throw consumed();
    const { csv, required: columns } = this.input;
    const asked = schema === undefined ? {} : { schema };
    const common = { paths: [name], onReject, rejectLimits, required: columns, ...asked };
    if (csv === null) {
      if (schema === undefined) await this.bytes.hold(pieceBytes);
      return resolveJsonl({ format: "jsonl", ...common }, this.found());
    }
    await this.holdHead(csv, schema === undefined);
    return resolveCsv({ format: "csv", csv, ...common }, this.found());
  }

  /**
   * The records, with those columns. Blocks of the text are as large as a file's however the stream is cut, so that batches are the same.
   * @throws MillraceError Config/STREAM_CONSUMED, External/STREAM_FAILED
   */
  read(source: ResolvedSource, schema: Schema, batchRows: number, reject: RejectSink): BatchReader {
    if (this.taken) throw consumed();
    this.taken = true;
    const scan = { source: { ...source, files: [this.held()] }, schema };
    const part = { kind: "wholeFile", file: 0 } as const;
    const options = { batchRows, reject, partition: 0, open: (start: number) => this.bytes.source(start) };
    return this.input.csv === null ? openJsonl(scan, part, options) : openCsv(scan, part, options);
  }

  destroy(): void {
    this.input.readable.destroy();
  }

  /** Holds as much as it takes to find the head, and with `infer` a sample of the records behind it. */
  private async holdHead(given: CsvOptions, infer: boolean): Promise<void> {
    if (given.guess.length > 0) await this.bytes.hold(guessBytes);
    for (const length of headLengths()) {
      await this.bytes.hold(length);
      const { bytes, whole } = readHeadBytes(this.held(), length);
      if (whole || holdsHead(bytes, whole, length, this.guessed(given))) break;
    }
    if (!infer && given.guess.length === 0) return;
    const { dataStart } = readCsvHead(this.held(), this.guessed(given));
    // Positions count the text as UTF-8, of which an encoding can take twice as many bytes.
    await this.bytes.hold(2 * dataStart + pieceBytes);
  }

  private guessed(given: CsvOptions): CsvOptions {
    return given.guess.length === 0 ? given : guessCsv(this.held(), given).options;
  }

  private found() {
    return { files: [this.held()], partitionSchema: [] };
  }

  private held(): HeldText {
    const { bytes: held, whole } = this.bytes.held();
    return { path: name, bytes: held.length, modifiedMs: 0, partitionValues: [], held, whole };
  }
}
