import type { TextSink } from "../../batch/text.js";
import { formatDate, formatDouble, formatFloat, formatNearTimestamp } from "../../functions/format.js";
import { threadKernels } from "../wasm.js";

/** Numbers and times as UTF-8 text at the end of a sink: the texts of `functions/format.ts`, without a string in between. */

/** More than any of these texts is long. */
const room = 32;

/** Digits of a number from 0 to 2^53 up to `end`, at least `least` of them. */
function digitsBefore(bytes: Uint8Array, end: number, value: number, least: number): void {
  let last = end;
  let rest = value;
  while (rest >= 1e9) {
    const high = Math.floor(rest / 1e9);
    // The quotient may have been rounded up to the next whole number.
    const above = high * 1e9 > rest ? high - 1 : high;
    smallDigitsBefore(bytes, last, rest - above * 1e9, 9);
    last -= 9;
    rest = above;
  }
  smallDigitsBefore(bytes, last, rest, least - (end - last));
}

/** The same of a number below 10^9. */
function smallDigitsBefore(bytes: Uint8Array, end: number, value: number, least: number): void {
  let rest = value | 0;
  let at = end;
  while (rest > 0 || end - at < least) {
    const tenth = (rest / 10) | 0;
    bytes[--at] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}

function countDigits(value: number): number {
  let count = 1;
  for (let bound = 10; bound <= value; bound *= 10) count++;
  return count;
}

/** Writes a number from 0 to 2^53 at a place; answers its end. */
function unsigned(bytes: Uint8Array, at: number, value: number): number {
  const end = at + countDigits(value);
  digitsBefore(bytes, end, value, 1);
  return end;
}

/** A whole number of at most 2^53 in size. */
export function writeWhole(sink: TextSink, value: number): void {
  sink.reserve(room);
  const { bytes } = sink;
  let at = sink.length;
  if (value < 0) bytes[at++] = 45;
  sink.length = unsigned(bytes, at, Math.abs(value));
}

/** A decimal by its unscaled value, of at most 2^53 in size; `unit` is 10^scale. `bare`: without a 0 before the point. */
export function writeDecimal(sink: TextSink, value: number, scale: number, unit: number, bare: boolean): void {
  sink.reserve(room);
  const { bytes } = sink;
  let at = sink.length;
  if (value < 0) bytes[at++] = 45;
  const size = Math.abs(value);
  const quotient = Math.floor(size / unit);
  const whole = quotient * unit > size ? quotient - 1 : quotient;
  if (whole > 0 || !bare) at = unsigned(bytes, at, whole);
  bytes[at++] = 46;
  sink.length = at + scale;
  digitsBefore(bytes, at + scale, size - whole * unit, scale);
}

/** A double. */
export function writeDouble(sink: TextSink, value: number): void {
  const size = Math.abs(value);
  // Two numbers of up to 15 digits are never the same double, so that those of hundredths are the shortest that read back as the value.
  const hundredths = Math.round(size * 100);
  if (size < 10_000_000 && hundredths / 100 === size && !Object.is(value, -0)) writeHundredths(sink, hundredths, value < 0);
  else if (size < Number.POSITIVE_INFINITY) writeByKernel(sink, value);
  else sink.writeText(formatDouble(value));
}

/** A 32-bit float. */
export function writeFloat(sink: TextSink, value: number): void {
  const size = Math.abs(value);
  const hundredths = Math.round(size * 100);
  // Of up to six digits no other is the same float.
  const isShort = size < 10_000 && Math.fround(hundredths / 100) === size && !Object.is(value, -0);
  if (isShort) writeHundredths(sink, hundredths, value < 0);
  else sink.writeText(formatFloat(value));
}

function writeHundredths(sink: TextSink, hundredths: number, isNegative: boolean): void {
  sink.reserve(room);
  const { bytes } = sink;
  let at = sink.length;
  if (isNegative) bytes[at++] = 45;
  const whole = (hundredths / 100) | 0;
  at = unsigned(bytes, at, whole);
  const rest = hundredths - whole * 100;
  const tens = (rest / 10) | 0;
  bytes[at++] = 46;
  bytes[at++] = 48 + tens;
  if (rest !== tens * 10) bytes[at++] = 48 + rest - tens * 10;
  sink.length = at;
}

interface DoubleKernels {
  /** Writes the text of a finite double, as a cast to utf8 where `plain` is 1, and answers its end; 0 where the host has to. */
  doubleText(out: number, value: number, plain: number): number;
}

/** What the kernel may write over: more than the text of a double and what it stores behind it. */
const kernelRoom = 128;

/** Where the kernel of this thread writes a text. */
class DoubleRoom {
  readonly #memory = threadKernels().memory;
  readonly #start = this.#memory.alloc(kernelRoom);
  readonly #text = threadKernels().functions<DoubleKernels>().doubleText;
  #view = this.#memory.u8();

  write(sink: TextSink, value: number): boolean {
    const end = this.#text(this.#start, value, 1);
    if (end === 0) return false;
    // A growth of the memory detaches the views on it.
    if (this.#view.length === 0) this.#view = this.#memory.u8();
    sink.writeBytes(this.#view, this.#start, end);
    return true;
  }
}

let doubleRoom: DoubleRoom | null = null;

function writeByKernel(sink: TextSink, value: number): void {
  doubleRoom ??= new DoubleRoom();
  if (!doubleRoom.write(sink, value)) sink.writeText(formatDouble(value));
}

const dayLength = 10;

/** Writes `2024-01-05`; false, and nothing, where the text of a day is longer. */
function writeDay(bytes: Uint8Array, at: number, days: number): boolean {
  const text = formatDate(days);
  if (text.length !== dayLength) return false;
  for (let i = 0; i < dayLength; i++) bytes[at + i] = text.charCodeAt(i);
  return true;
}

/** A day. */
export function writeDate(sink: TextSink, days: number): void {
  sink.reserve(dayLength);
  if (writeDay(sink.bytes, sink.length, days)) sink.length += dayLength;
  else sink.writeText(formatDate(days));
}

const dayMicros = 86_400_000_000;

/** A timestamp of microseconds that are an exact double. */
export function writeTimestamp(sink: TextSink, micros: number): void {
  const days = Math.floor(micros / dayMicros);
  sink.reserve(room);
  const { bytes } = sink;
  const start = sink.length;
  if (!writeDay(bytes, start, days)) {
    sink.writeText(formatNearTimestamp(micros));
    return;
  }
  bytes[start + dayLength] = 32;
  sink.length = writeClock(bytes, start + dayLength + 1, micros - days * dayMicros);
}

/** `10:11:12.5`: as many digits behind the point as needed. */
function writeClock(bytes: Uint8Array, at: number, microsOfDay: number): number {
  const seconds = Math.floor(microsOfDay / 1e6) | 0;
  const fraction = (microsOfDay - seconds * 1e6) | 0;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  twoDigits(bytes, at, hours);
  bytes[at + 2] = 58;
  twoDigits(bytes, at + 3, minutes - hours * 60);
  bytes[at + 5] = 58;
  twoDigits(bytes, at + 6, seconds - minutes * 60);
  if (fraction === 0) return at + 8;
  bytes[at + 8] = 46;
  smallDigitsBefore(bytes, at + 15, fraction, 6);
  let end = at + 15;
  while (bytes[end - 1] === 48) end--;
  return end;
}

/** A number below 100 as two digits. */
export function writeTwoDigits(sink: TextSink, value: number): void {
  sink.reserve(2);
  twoDigits(sink.bytes, sink.length, value);
  sink.length += 2;
}

function twoDigits(bytes: Uint8Array, at: number, value: number): void {
  const tens = (value / 10) | 0;
  bytes[at] = 48 + tens;
  bytes[at + 1] = 48 + value - tens * 10;
}
