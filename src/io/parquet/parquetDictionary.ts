import { type ParquetKernels, writerKernels, Region } from "../../kernels/parquet.js";
import type { PlainValues } from "./parquetColumn.js";

/** Distinct values in order of first appearance, and each value's place among them. Good until the next dictionary is built. */
export interface Dictionary {
  /** One u32 a value. */
  readonly codes: Region;
  readonly entries: PlainValues;
}

/** A dictionary pays when few values repeat often; these are the limits, all in terms of the row group alone. */
const mostEntries = 65_536;
const mostBytes = 1 << 20;
const valuesPerEntry = 5;
const smallest = 32;

const slotBytes = 16;

// One dictionary is in work at a time.
const table = new Region();
const codes = new Region();
const places = new Region();
const entries = new Region();
const entryEnds = new Region();

type Words = Extract<PlainValues, { kind: "words" }>;
type Bytes = Extract<PlainValues, { kind: "bytes" }>;

/** A dictionary for the values, or null where it would not pay. */
export function buildDictionary(values: PlainValues): Dictionary | null {
  if (values.count < smallest || values.kind === "bits" || (values.kind === "words" && values.width > 2)) return null;
  const limit = Math.min(mostEntries, Math.floor(values.count / valuesPerEntry));
  // At most half of the slots are taken.
  const bits = 33 - Math.clz32(limit - 1);
  codes.reserve(values.count * 4);
  table.reserve(slotBytes << bits);
  if (values.kind === "bytes") places.reserve(limit * 4);
  else entries.reserve(limit * values.width * 4);
  return values.kind === "words" ? wordDictionary(values, bits, limit) : textDictionary(values, bits, limit);
}

function wordDictionary({ region, width, count }: Words, bits: number, limit: number): Dictionary | null {
  const { dictionary32, dictionary64 } = writerKernels().functions<ParquetKernels>();
  const build = width === 1 ? dictionary32 : dictionary64;
  const size = build(region.at, count, table.at, bits, codes.at, entries.at, limit);
  return size < 0 ? null : { codes, entries: { kind: "words", region: entries, width, count: size } };
}

function textDictionary({ region, ends, count }: Bytes, bits: number, limit: number): Dictionary | null {
  const kernels = writerKernels().functions<ParquetKernels>();
  const size = kernels.dictionaryText(region.at, ends.at, count, table.at, bits, codes.at, places.at, limit, mostBytes);
  if (size < 0) return null;
  const to = entries.reserve(mostBytes);
  const used = kernels.dictionaryTexts(region.at, places.at, size, to, entryEnds.reserve(size * 4));
  return { codes, entries: { kind: "bytes", region: entries, used, ends: entryEnds, count: size } };
}
