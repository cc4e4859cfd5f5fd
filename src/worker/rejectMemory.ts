import type { Column } from "../batch/column.js";
import { TextSink } from "../batch/text.js";
import { type DataType, types } from "../schema/types.js";
import { rejectTexts } from "../task/rejectColumns.js";

/** Rejects and raw bytes that are held before they go to the file. */
export const mostHeld = 8192;
export const mostHeldBytes = 1 << 20;

/** Byte strings one behind the other. Its memory serves block after block. */
class BytesMemory {
  readonly sink = new TextSink(1 << 12);
  private readonly bounds = new Int32Array(mostHeld + 1);
  private readonly valid = new Uint8Array(mostHeld);
  private nulls = 0;

  constructor(private readonly type: DataType) {}

  /** Row `row` is what the sink took since the row before. */
  end(row: number, isNull = false): void {
    this.valid[row] = isNull ? 0 : 1;
    if (isNull) this.nulls++;
    this.bounds[row + 1] = this.sink.length;
  }

  /** Rows [from, to) are empty. */
  skip(from: number, to: number): void {
    this.valid.fill(1, from, to);
    this.bounds.fill(this.sink.length, from + 1, to + 1);
  }

  /** Appends byte strings from row `row` on; the first begins at `bounds[0]`. */
  appendAll(row: number, bytes: Uint8Array, bounds: Int32Array): void {
    const { sink } = this;
    const rows = bounds.length - 1;
    const [first = 0, last = 0] = [bounds[0], bounds[rows]];
    shift(bounds.subarray(1), sink.length - first, this.bounds, row + 1);
    this.valid.fill(1, row, row + rows);
    sink.reserve(last - first);
    sink.bytes.set(bytes.subarray(first, last), sink.length);
    sink.length += last - first;
  }

  get capacity(): number {
    return this.sink.bytes.length;
  }

  column(length: number): Column {
    const { bounds, nulls, type } = this;
    const valid = nulls === 0 ? null : this.valid.subarray(0, length);
    const bytes = this.sink.bytes.subarray(0, this.sink.length);
    const [starts, ends] = [bounds.subarray(0, length), bounds.subarray(1, length + 1)];
    return { layout: "bytes", type, length, bytes, starts, ends, valid };
  }

  clear(): void {
    this.sink.length = 0;
    this.nulls = 0;
  }
}

// A function of its own is compiled in no time, while a job of a second pays for each large one.
function shift(numbers: Int32Array, by: number, out: Int32Array, at: number): void {
  for (let i = 0; i < numbers.length; i++) out[at + i] = (numbers[i] as number) + by;
}

export type RejectText = (typeof rejectTexts)[number];

export const ofTexts = <T>(make: () => T): { readonly [column in RejectText]: T } =>
  Object.fromEntries(rejectTexts.map((column) => [column, make()])) as { [column in RejectText]: T };

/** Rejects as columns. The next task of a thread takes the memory of the one before: what is made for each is soon a lot to clear away. */
export class RejectMemory {
  private static spare: RejectMemory | null = null;

  readonly lines = new Float64Array(mostHeld);
  readonly bytes = new Float64Array(mostHeld);
  readonly lengths = new Float64Array(mostHeld);
  readonly rows = new Float64Array(mostHeld);
  readonly codes = ofTexts(() => new Int32Array(mostHeld));
  readonly attempts = new Int32Array(mostHeld);
  readonly messages = new BytesMemory(types.utf8);
  readonly raws = new BytesMemory(types.binary);

  static take(): RejectMemory {
    const memory = RejectMemory.spare ?? new RejectMemory();
    RejectMemory.spare = null;
    memory.clear();
    return memory;
  }

  /** Nobody holds it any more. Long records or messages leave more behind than is worth keeping. */
  give(): void {
    if (this.raws.capacity + this.messages.capacity <= 4 * mostHeldBytes) RejectMemory.spare = this;
  }

  /** Bytes of the records and messages. */
  get heldBytes(): number {
    return this.raws.sink.length + this.messages.sink.length;
  }

  clear(): void {
    this.messages.clear();
    this.raws.clear();
  }
}
