import { daysInMonth } from "../../functions/civil.js";
import { kindBits } from "../../kernels/csvKernels.js";
import { type DataType, types } from "../../schema/types.js";

const int64Max = 9223372036854775807n;
const boolText = /^(?:true|false)$/i;
const integerText = /^[+-]?(?:0|[1-9][0-9]{0,18})$/;
const floatText = /^[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i;
const wholeText = /^[+-]?[0-9]+$/;
const dateText = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const timestampText = /^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?Z?$/;

function isInt64(text: string): boolean {
  if (!integerText.test(text)) return false;
  if (text.length < 19) return true;
  const value = BigInt(text.replace("+", ""));
  return value <= int64Max && value >= -int64Max - 1n;
}

/** An integer that no 64-bit type holds stays text: it must not pass silently through a double. */
const isFloat = (text: string): boolean => floatText.test(text) && (!wholeText.test(text) || isInt64(text));

function isDay(text: string): boolean {
  const [, year, month, day] = (dateText.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  return year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
}

const candidates: readonly (readonly [bit: number, type: DataType, holds: (text: string) => boolean])[] = [
  [kindBits.bool, types.bool, (text) => boolText.test(text)],
  [kindBits.int64, types.int64, isInt64],
  [kindBits.float64, types.float64, isFloat],
  [kindBits.date, types.date, isDay],
  [kindBits.timestamp, types.timestamp, (text) => isDay(text) || (timestampText.test(text) && isDay(text.slice(0, 10)))],
];
const numbersSeen = kindBits.int64 | kindBits.float64 | kindBits.seen;
const everyKind = candidates.reduce((bits, [bit]) => bits | bit, 0);

/**
 * Guesses a column's type from sampled texts: the first of bool, int64, float64, date, timestamp that holds all of them, else utf8.
 * Numbers with leading zeros are text, and so is a column without any value. Texts come one by one, or as what the kernel
 * `inferKinds`, which means the same, makes of many.
 */
export class TypeGuess {
  #kinds: number = everyKind;

  add(text: string): void {
    // A whole number that is one of 64 bits is a float as well.
    if (this.#kinds === numbersSeen && isInt64(text)) return;
    for (const [bit, , holds] of candidates) if ((this.#kinds & bit) !== 0 && !holds(text)) this.#kinds &= ~bit;
    this.#kinds |= kindBits.seen;
  }

  /** As `add` for the text of a number without exponent, of less than 16 digits. */
  addNumber(isWhole: boolean): void {
    this.#kinds &= isWhole ? numbersSeen : numbersSeen & ~kindBits.int64;
    this.#kinds |= kindBits.seen;
  }

  /** Types that are still open, and whether a text was seen, as `kindBits`. */
  get kinds(): number {
    return this.#kinds;
  }

  /** Takes what the kernel made of `kinds`. */
  narrow(kinds: number): void {
    this.#kinds = kinds;
  }

  get type(): DataType {
    const found = candidates.find(([bit]) => (this.#kinds & bit) !== 0);
    return (this.#kinds & kindBits.seen) !== 0 && found !== undefined ? found[1] : types.utf8;
  }
}
