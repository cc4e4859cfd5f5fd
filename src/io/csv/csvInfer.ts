import { required } from "../../common/assert.js";
import { type CsvKernels, kindBits } from "../../kernels/csvKernels.js";
import type { KernelMemory, Kernels } from "../../kernels/wasm.js";
import type { SourceFile } from "../../plan/bound.js";
import type { CsvOptions } from "../../plan/csvSpec.js";
import { type Field, type Schema, types } from "../../schema/types.js";
import { CsvColumns } from "./csvColumns.js";
import { Failures } from "./csvFailures.js";
import { formattedType } from "./csvFormats.js";
import { sampleTexts } from "./csvSample.js";
import { namesOf, trailingFields } from "./csvFields.js";
import type { CsvHead } from "./csvHead.js";
import { CsvIndex } from "./csvIndex.js";
import { TextBlock } from "../text/textBlock.js";
import { TypeGuess } from "../text/textInfer.js";
import { giveKernels, takeKernels } from "../text/textKernels.js";
import { type SamplePiece, sampleText } from "../text/textPartitions.js";

/** Records of one piece of the sample. */
const sampleRecords = 2_000;
/** Bytes of one piece that are looked at: a piece of a compressed file can be much larger. */
const sampleBytes = 1 << 20;

/**
 * Types of a source's columns `names`, from a sample of the first file that has records; where columns may be added later, from one of
 * the first file that has records and each column.
 */
export function inferCsvSchema(
  options: CsvOptions,
  files: readonly SourceFile[],
  heads: readonly CsvHead[],
  names: readonly string[],
): Schema {
  const guesses = names.map(() => new TypeGuess());
  const kernels = takeKernels();
  try {
    const open = new Set(names.keys());
    for (let i = 0; i < files.length && open.size > 0; i++) {
      const head = required(heads[i], "head");
      const own = namesOf(head);
      const columns = names.map((name, c) => {
        const index = options.columns === "byName" ? own.indexOf(name) : c < own.length ? c : -1;
        return index >= 0 && open.has(c) ? { index, guess: required(guesses[c], "guess"), column: c } : null;
      });
      const present = columns.filter((column) => column !== null);
      if (present.length === 0) continue;
      let seen = 0;
      for (const piece of sampleText(required(files[i], "file"), head.dataStart, head.dialect.newline, head.encoding)) {
        seen += guessFrom(kernels, firstOf(piece), head, own.length + trailingFields(options), present, options.nullValues);
      }
      if (seen > 0) for (const { column } of present) open.delete(column);
    }
  } finally {
    giveKernels(kernels);
  }
  const schema = names.map((name, i) => ({ name, type: required(guesses[i], "guess").type, nullable: true }));
  return withFormats(options, files, heads, schema);
}

/** Columns of dates and timestamps that are written as the options say, as a sample of the first file that has each shows. */
function withFormats(
  options: CsvOptions,
  files: readonly SourceFile[],
  heads: readonly CsvHead[],
  schema: readonly Field[],
): Schema {
  if (options.dateFormat === undefined && options.timestampFormat === undefined) return schema;
  const found = new Map<string, readonly string[]>();
  files.forEach((file, i) => {
    if (found.size === schema.length) return;
    const head = required(heads[i], "head");
    const own = namesOf(head);
    const texts = sampleTexts(file, head, options, own.length);
    schema.forEach(({ name }, c) => {
      const values = texts[options.columns === "byName" ? own.indexOf(name) : c] ?? [];
      if (values.length > 0 && !found.has(name)) found.set(name, values);
    });
  });
  return schema.map((field) => ({ ...field, type: formattedType(options, field, found.get(field.name) ?? []) }));
}

/** Adds the values of one sampled piece; answers how many records it had. Records of another length say nothing. */
function guessFrom(
  kernels: Kernels,
  piece: SamplePiece,
  head: CsvHead,
  fields: number,
  guesses: readonly { readonly index: number; readonly guess: TypeGuess }[],
  nullValues: readonly string[],
): number {
  const { memory } = kernels;
  const csv = kernels.functions<CsvKernels>();
  const block = blockOf(memory, piece, head);
  const index = new CsvIndex(memory, csv, head.dialect, "sample");
  const columns = new CsvColumns({
    memory,
    kernels: csv,
    dialect: head.dialect,
    fields,
    nullValues: [],
    capacity: sampleRecords,
  });
  const nulls = nullTable(memory, nullValues);
  try {
    index.build(block, fields, block.length, piece.last);
    const planned = columns.plan(sampleField, 0);
    const failures = new Failures();
    const count = Math.min(index.good, sampleRecords);
    const { base, scratch, capacity } = block;
    const span = scratch + capacity - base;
    const slice = { base, seps: index.seps, rows: index.rows, count, scratch, span, needsUtf8Check: false };
    guesses.forEach(({ index: field, guess }) => {
      columns.begin(slice);
      columns.read({ ...planned, index: field }, slice, failures);
      guess.narrow(csv.inferKinds(base, planned.values, planned.ends, count, nulls.table, nulls.count, guess.kinds));
    });
    // A blank line is a record only where there is one column, and says nothing about it.
    return fields === 1 ? (required(guesses[0], "guess").guess.kinds & kindBits.seen ? count : 0) : count;
  } finally {
    for (const address of nulls.owned) memory.free(address);
    columns.free();
    index.free();
    block.free();
  }
}

function firstOf(piece: SamplePiece): SamplePiece {
  return piece.bytes.length <= sampleBytes ? piece : { bytes: piece.bytes.subarray(0, sampleBytes), last: false };
}

const sampleField: Field = { name: "sample", type: types.binary, nullable: true };

/** The piece in kernel memory, with a line end behind it only where the file ends. */
function blockOf(memory: KernelMemory, piece: SamplePiece, head: CsvHead): TextBlock {
  const { bytes } = piece;
  let given = 0;
  const block = new TextBlock({
    memory,
    source: {
      read(target, to) {
        target.set(bytes.subarray(given), to);
        const count = bytes.length - given;
        given = bytes.length;
        return count;
      },
      close() {},
    },
    file: "sample",
    blockBytes: bytes.length + 2,
    offset: 0,
    partEnd: bytes.length,
    newline: head.dialect.newline,
    scratch: true,
  });
  block.advance(0);
  if (piece.last) block.advance(0);
  return block;
}

/** Length and address of each text that means null. */
function nullTable(memory: KernelMemory, nullValues: readonly string[]) {
  const texts = nullValues.map((text) => Buffer.from(text, "utf8"));
  const addresses = texts.map((text) => memory.alloc(text.length));
  const table = memory.alloc(texts.length * 8);
  texts.forEach((text, i) => {
    memory.u8().set(text, addresses[i] as number);
    memory.u32().set([text.length, addresses[i] as number], (table >>> 2) + i * 2);
  });
  return { table, count: texts.length, owned: [table, ...addresses] };
}
