import type { TextSink } from "../../batch/text.js";
import { timePieces, timeWriter } from "../../functions/time-format.js";
import { writeTwoDigits } from "./byteNumbers.js";

/** Writes a timestamp of microseconds that are an exact double to the end of a sink. */
export type TimeToBytes = (sink: TextSink, micros: number) => void;

/** Writes what a part of a format makes of a day and the microseconds in it. */
type Part = (sink: TextSink, day: number, rest: number) => void;

const dayMicros = 86_400_000_000;
/** As many days as have their texts kept: most times of a file are of a few years. */
const keptDays = 2048;

/** Specifiers that the day decides. */
const ofDay: ReadonlySet<string> = new Set([..."aAwudbBmyYjUWVG", "-d", "-m", "-y", "-j"]);

/** Microseconds of a unit and how many of it make the next. */
const clock: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["H", [3.6e9, 24]],
  ["M", [6e7, 60]],
  ["S", [1e6, 60]],
]);

/** A writer for a checked format: what `timeWriter` gives. The texts of days are kept. */
export function timeByFormat(format: string): TimeToBytes {
  const parts = partsOf(format);
  return (sink, micros) => {
    const day = Math.floor(micros / dayMicros);
    const rest = micros - day * dayMicros;
    for (let i = 0; i < parts.length; i++) (parts[i] as Part)(sink, day, rest);
  };
}

function partsOf(format: string): Part[] {
  const parts: Part[] = [];
  let ofDays = "";
  const endDays = (): void => {
    if (ofDays !== "") parts.push(dayPart(ofDays));
    ofDays = "";
  };
  for (const piece of timePieces(format)) {
    if (piece.kind === "text") ofDays += piece.text.replaceAll("%", "%%");
    else if (ofDay.has(piece.specifier)) ofDays += `%${piece.specifier}`;
    else {
      endDays();
      parts.push(clockPart(piece.specifier));
    }
  }
  endDays();
  return parts;
}

function dayPart(format: string): Part {
  const write = timeWriter(format);
  const days = new Float64Array(keptDays).fill(Number.NaN);
  const texts: string[] = new Array(keptDays).fill("");
  return (sink, day) => {
    const slot = day & (keptDays - 1);
    if (days[slot] !== day) {
      days[slot] = day;
      texts[slot] = write(BigInt(day) * BigInt(dayMicros));
    }
    sink.writeText(texts[slot] as string);
  };
}

function clockPart(specifier: string): Part {
  const unit = clock.get(specifier);
  if (unit === undefined) {
    const write = timeWriter(`%${specifier}`);
    return (sink, _, rest) => sink.writeText(write(BigInt(rest)));
  }
  const [micros, count] = unit;
  return (sink, _, rest) => writeTwoDigits(sink, (Math.floor(rest / micros) | 0) % count);
}
