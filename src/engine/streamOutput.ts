import type { Batch } from "../batch/column.js";
import { required } from "../common/assert.js";
import { configError, type MillraceError } from "../common/errors.js";
import { StreamWriter } from "../io/streamWrite.js";
import type { StreamTarget } from "../plan/stream.js";
import type { Schema } from "../schema/types.js";
import type { RowsConsumer } from "./execution.js";

/** The rows of a run into a Node stream. A stream that fails stops the run; a run that fails destroys the stream. */
export class StreamOutput implements RowsConsumer {
  readonly restarts = false;
  private writer: StreamWriter | null = null;

  constructor(
    private readonly target: StreamTarget,
    private readonly stop: (reason: unknown) => void,
  ) {
    const { writable } = target;
    // Its failures are told by the run; they must not end the process.
    writable.on("error", () => undefined);
    if (writable.writableEnded || writable.destroyed) {
      throw configError("STREAM_FAILED", "write.stream: the stream has ended already", {
        hint: "Give each run a stream of its own.",
      });
    }
  }

  begin(schema: Schema): void {
    this.writer = new StreamWriter(this.target, schema, (error) => this.stop(error));
  }

  batch(batch: Batch): Promise<void> {
    return required(this.writer, "stream writer").write(batch);
  }

  async end(): Promise<void> {
    await required(this.writer, "stream writer").finish();
  }

  fail(error: MillraceError): void {
    if (this.writer !== null) this.writer.destroy(error);
    else if (!this.target.writable.destroyed) this.target.writable.destroy(error);
  }
}
