import { joinedCrc32 } from "./sinkChecksum.js";
import {
  checksumText,
  type FileOutput,
  OutputFile,
  type OutputOptions,
  type OutputPart,
  type OutputSummary,
  type OutputTail,
  partsOf,
  withChecksums,
} from "./sinkOutput.js";

/** Small fragments of a task, one behind the other in one file: making a file for each, and finding it again, costs more than their bytes. */
export class FragmentPack {
  readonly #path: string;
  readonly #options: OutputOptions;
  #output: OutputFile | null = null;
  /** Whether who writes now ends its fragment with that. */
  isOpen = false;

  constructor(file: string, options: OutputOptions) {
    this.#path = file;
    this.#options = options;
  }

  get output(): OutputFile {
    this.#output ??= new OutputFile(this.#path, this.#options);
    return this.#output;
  }

  /** The state of the file at its end, see `FileSystem.stamp`; null where there is none. */
  finish(): string | null {
    return this.#output?.finish().stamp ?? null;
  }

  abort(): void {
    this.#output?.abort();
  }
}

/** A fragment that goes into a pack if all that it writes comes while that is open, and else into a file of its own. */
export class PackedOutput implements FileOutput {
  readonly path: string;
  readonly #pack: FragmentPack;
  readonly #options: OutputOptions;
  #own: OutputFile | null = null;
  /** Where its data begin in the pack. */
  #start: number | null = null;
  #head: Uint8Array = new Uint8Array(0);
  #tail: OutputTail | null = null;
  #data = 0;
  #crc = 0;

  constructor(own: string, pack: FragmentPack, options: OutputOptions) {
    this.path = own;
    this.#pack = pack;
    this.#options = options;
  }

  get bytes(): number {
    return this.#own?.bytes ?? this.#head.length + this.#data;
  }

  writeHead(bytes: Uint8Array): void {
    this.#head = bytes.slice();
  }

  write(chunks: readonly Uint8Array[]): void {
    this.writeParts(partsOf(chunks));
  }

  writeParts(given: readonly OutputPart[]): void {
    if (!this.#pack.isOpen) this.#openOwn();
    if (this.#own !== null) {
      this.#own.writeParts(given);
      return;
    }
    const { output } = this.#pack;
    this.#start ??= output.bytes;
    const parts = withChecksums(given);
    for (const { bytes, crc } of parts) {
      this.#crc = joinedCrc32(this.#crc, crc, bytes.length);
      this.#data += bytes.length;
    }
    output.writeParts(parts);
  }

  writeTail(tail: OutputTail): void {
    this.#tail = tail;
    this.#own?.writeTail(tail);
  }

  finish(): OutputSummary {
    if (this.#own !== null) return this.#own.finish();
    const { output } = this.#pack;
    const rowGroups = this.#tail === null ? {} : { rowGroups: this.#tail.rowGroups };
    const within = { path: output.path, start: this.#start ?? output.bytes, ...rowGroups };
    return { bytes: this.#data, checksum: checksumText(this.#crc), within };
  }

  abort(): void {
    this.#own?.abort();
  }

  #openOwn(): void {
    if (this.#own !== null) return;
    this.#own = new OutputFile(this.path, this.#options);
    this.#own.writeHead(this.#head);
  }
}
