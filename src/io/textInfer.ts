import { type DataType, types } from "../schema/types.js";

const int64Max = 9223372036854775807n;
const boolText = /^(?:true|false)$/i;
const integerText = /^[+-]?(?:0|[1-9][0-9]{0,18})$/;
const floatText = /^[+-]?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?$/i;
const dateText = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;
const timestampText = /^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?Z?$/;

function isInt64(text: string): boolean {
  if (!integerText.test(text)) return false;
  if (text.length < 19) return true;
  const value = BigInt(text.replace("+", ""));
  return value <= int64Max && value >= -int64Max - 1n;
}

/** An integer that no 64-bit type holds stays text: it must not pass silently through a double. */
const isFloat = (text: string): boolean => floatText.test(text) && /[0-9]/.test(text) && (/[.e]/i.test(text) || isInt64(text));

const isDay = (text: string): boolean => !Number.isNaN(Date.parse(`${text.slice(0, 10)}T00:00:00Z`));

const candidates: readonly (readonly [type: DataType, holds: (text: string) => boolean])[] = [
  [types.bool, (text) => boolText.test(text)],
  [types.int64, isInt64],
  [types.float64, isFloat],
  [types.date, (text) => dateText.test(text) && isDay(text)],
  [types.timestamp, (text) => (timestampText.test(text) || dateText.test(text)) && isDay(text)],
];

/**
 * Guesses a column's type from sampled texts: the first of bool, int64, float64, date, timestamp that holds all of them, else utf8.
 * Numbers with leading zeros are text, and so is a column without any value.
 */
export class TypeGuess {
  #open = candidates;
  #seen = false;

  add(text: string): void {
    this.#seen = true;
    if (!this.#open.every(([, holds]) => holds(text))) this.#open = this.#open.filter(([, holds]) => holds(text));
  }

  get type(): DataType {
    const first = this.#open[0];
    return this.#seen && first !== undefined ? first[0] : types.utf8;
  }
}
