import {
  civilFromDays,
  dayOfYear,
  daysFromCivil,
  daysInMonth,
  daysOfMicros,
  isoDayOfWeek,
  isoWeek,
  microsOfDay,
  microsOfDays,
} from "./civil.js";
import { pad } from "./format.js";

/** strftime and strptime as DuckDB has them, for the specifiers below. A format is read once, then applied to every row. */

const weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** A moment taken apart. */
interface Moment {
  readonly days: number;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
}

function takeApart(micros: bigint): Moment {
  const days = daysOfMicros(micros);
  const rest = microsOfDay(micros);
  const seconds = Math.floor(rest / 1e6);
  return {
    days,
    ...civilFromDays(days),
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: rest % 1e6,
  };
}

const hour12 = (hour: number): number => hour % 12 || 12;
const year4 = (year: number): string => (year < 0 ? String(year) : pad(year, 4));
const year2 = (year: number): number => Math.abs(year) % 100;
/** Weeks counted from the first Sunday (or Monday) of the year; the days before it are week 0. */
const weekFrom = (days: number, firstDay: number): number =>
  Math.floor((dayOfYear(days) - 1 + 7 - ((isoDayOfWeek(days) + 7 - firstDay) % 7)) / 7);

const writers: { readonly [specifier: string]: (m: Moment) => string } = {
  a: (m) => (weekdays[isoDayOfWeek(m.days) - 1] as string).slice(0, 3),
  A: (m) => weekdays[isoDayOfWeek(m.days) - 1] as string,
  w: (m) => String(isoDayOfWeek(m.days) % 7),
  u: (m) => String(isoDayOfWeek(m.days)),
  d: (m) => pad(m.day, 2),
  "-d": (m) => String(m.day),
  b: (m) => (months[m.month - 1] as string).slice(0, 3),
  B: (m) => months[m.month - 1] as string,
  m: (m) => pad(m.month, 2),
  "-m": (m) => String(m.month),
  y: (m) => pad(year2(m.year), 2),
  "-y": (m) => String(year2(m.year)),
  Y: (m) => year4(m.year),
  H: (m) => pad(m.hour, 2),
  "-H": (m) => String(m.hour),
  I: (m) => pad(hour12(m.hour), 2),
  "-I": (m) => String(hour12(m.hour)),
  p: (m) => (m.hour < 12 ? "AM" : "PM"),
  M: (m) => pad(m.minute, 2),
  "-M": (m) => String(m.minute),
  S: (m) => pad(m.second, 2),
  "-S": (m) => String(m.second),
  f: (m) => pad(m.micros, 6),
  g: (m) => pad(Math.floor(m.micros / 1000), 3),
  n: (m) => pad(m.micros * 1000, 9),
  j: (m) => pad(dayOfYear(m.days), 3),
  "-j": (m) => String(dayOfYear(m.days)),
  U: (m) => pad(weekFrom(m.days, 7), 2),
  W: (m) => pad(weekFrom(m.days, 1), 2),
  V: (m) => pad(isoWeek(m.days).week, 2),
  G: (m) => year4(isoWeek(m.days).year),
};

/** What a reader has found so far. */
interface Found {
  year: number;
  month: number;
  day: number;
  dayOfYear: number | null;
  hour: number;
  minute: number;
  second: number;
  micros: number;
  /** null: the clock has 24 hours. */
  afternoon: boolean | null;
  hourOf12: boolean;
}

type Reader = (text: string, at: number, found: Found) => number;

/** Up to `most` digits in a range. -1 when they are not there. */
function number(most: number, least: number, highest: number, store: (found: Found, value: number) => void): Reader {
  return (text, at, found) => {
    let end = at;
    while (end < text.length && end - at < most && text[end] !== undefined && /[0-9]/.test(text[end] as string)) end++;
    const value = Number(text.slice(at, end));
    if (end === at || value < least || value > highest) return -1;
    store(found, value);
    return end;
  };
}

/** Digits of a fraction of a second, at most `most` of them. */
function fraction(most: number): Reader {
  return (text, at, found) => {
    const digits = /^[0-9]+/.exec(text.slice(at, at + most))?.[0] ?? "";
    if (digits === "") return -1;
    found.micros = Number(digits.padEnd(6, "0").slice(0, 6));
    return at + digits.length;
  };
}

function word(names: readonly string[], length: number | null, store: (found: Found, index: number) => void): Reader {
  const lowered = names.map((name) => name.toLowerCase().slice(0, length ?? undefined));
  return (text, at, found) => {
    const rest = text.slice(at, at + 12).toLowerCase();
    const index = lowered.findIndex((name) => rest.startsWith(name));
    if (index < 0) return -1;
    store(found, index);
    return at + (lowered[index] as string).length;
  };
}

const hourReader = (most: number, highest: number, of12: boolean): Reader =>
  number(most, of12 ? 1 : 0, highest, (f, value) => {
    f.hour = value;
    f.hourOf12 = of12;
  });

const readers: { readonly [specifier: string]: Reader } = {
  Y: number(4, 0, 9999, (f, v) => {
    f.year = v;
  }),
  y: number(2, 0, 99, (f, v) => {
    f.year = v < 69 ? 2000 + v : 1900 + v;
  }),
  m: number(2, 1, 12, (f, v) => {
    f.month = v;
  }),
  d: number(2, 1, 31, (f, v) => {
    f.day = v;
  }),
  j: number(3, 1, 366, (f, v) => {
    f.dayOfYear = v;
  }),
  H: hourReader(2, 23, false),
  I: hourReader(2, 12, true),
  M: number(2, 0, 59, (f, v) => {
    f.minute = v;
  }),
  S: number(2, 0, 59, (f, v) => {
    f.second = v;
  }),
  f: fraction(6),
  g: fraction(3),
  b: word(months, 3, (f, i) => {
    f.month = i + 1;
  }),
  B: word(months, null, (f, i) => {
    f.month = i + 1;
  }),
  a: word(weekdays, 3, () => {}),
  A: word(weekdays, null, () => {}),
  p: word(["am", "pm"], null, (f, i) => {
    f.afternoon = i === 1;
  }),
};
const readerOf = (specifier: string): Reader | undefined =>
  Object.hasOwn(readers, specifier.replace("-", "")) ? readers[specifier.replace("-", "")] : undefined;

/** A format as its pieces: literal text, or a specifier without its percent sign. */
type Piece = { readonly kind: "text"; readonly text: string } | { readonly kind: "specifier"; readonly specifier: string };

export function timePieces(format: string): Piece[] {
  const result: Piece[] = [];
  for (const part of format.match(/%-?[\s\S]?|[^%]+/g) ?? []) {
    if (!part.startsWith("%")) result.push({ kind: "text", text: part });
    else if (part === "%%") result.push({ kind: "text", text: "%" });
    else result.push({ kind: "specifier", specifier: part.slice(1) });
  }
  return result;
}

function unknownSpecifier(format: string, valid: readonly string[], known: (s: string) => boolean): string | null {
  const wrong = timePieces(format).find((piece) => piece.kind === "specifier" && !known(piece.specifier));
  if (wrong?.kind !== "specifier") return null;
  return `does not know %${wrong.specifier} in the format ${JSON.stringify(format)}; valid are ${valid.map((s) => `%${s}`).join(" ")} %%`;
}

/** What is wrong with a format for writing, or null. */
export const checkWriteFormat = (format: string): string | null =>
  unknownSpecifier(format, Object.keys(writers), (s) => Object.hasOwn(writers, s));

/** What is wrong with a format for reading, or null. */
export const checkReadFormat = (format: string): string | null =>
  unknownSpecifier(
    format,
    Object.keys(readers),
    (s) => readerOf(s) !== undefined && (!s.startsWith("-") || Object.hasOwn(writers, s)),
  );

/** A writer of timestamps for a checked format. */
export function timeWriter(format: string): (micros: bigint) => string {
  const steps = timePieces(format).map((piece) =>
    piece.kind === "text" ? () => piece.text : (writers[piece.specifier] as (m: Moment) => string),
  );
  return (micros) => {
    const moment = takeApart(micros);
    let text = "";
    for (const step of steps) text += step(moment);
    return text;
  };
}

const isBlank = (c: string | undefined): boolean => c !== undefined && /[ \t\n\v\f\r]/.test(c);
const skipBlanks = (text: string, from: number): number => {
  let at = from;
  while (isBlank(text[at])) at++;
  return at;
};

/** Literal text of a format; a blank in it stands for any blanks, or none. -1 when it is not there. */
function readLiteral(literal: string, text: string, from: number): number {
  let at = from;
  for (const c of literal) {
    if (isBlank(c)) at = skipBlanks(text, at);
    else if (text.startsWith(c, at)) at += c.length;
    else return -1;
  }
  return at;
}

function assemble(found: Found): bigint | null {
  let { hour } = found;
  if (found.afternoon !== null) {
    if (hour > 12 || (hour === 0 && !found.hourOf12)) return null;
    hour = (hour % 12) + (found.afternoon ? 12 : 0);
  }
  const clock = BigInt((hour * 3600 + found.minute * 60 + found.second) * 1e6 + found.micros);
  if (found.dayOfYear !== null) {
    if (found.dayOfYear === 366 && daysInMonth(found.year, 2) === 28) return null;
    return microsOfDays(daysFromCivil(found.year, 1, found.dayOfYear)) + clock;
  }
  if (found.day > daysInMonth(found.year, found.month)) return null;
  return microsOfDays(daysFromCivil(found.year, found.month, found.day)) + clock;
}

/** A reader of timestamps for a checked format; it gives null for a text that does not follow the format. */
export function timeReader(format: string): (text: string) => bigint | null {
  const steps = timePieces(format).map((piece): Reader => {
    if (piece.kind === "text") return (text, at) => readLiteral(piece.text, text, at);
    return readerOf(piece.specifier) as Reader;
  });
  return (text) => {
    const found: Found = {
      year: 1900,
      month: 1,
      day: 1,
      dayOfYear: null,
      hour: 0,
      minute: 0,
      second: 0,
      micros: 0,
      afternoon: null,
      hourOf12: false,
    };
    let at = skipBlanks(text, 0);
    for (const step of steps) {
      at = step(text, at, found);
      if (at < 0) return null;
    }
    return skipBlanks(text, at) === text.length ? assemble(found) : null;
  };
}
