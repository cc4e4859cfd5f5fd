const names = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec";
const day = "(0?[1-9]|[12][0-9]|3[01])";
const month = "(0?[1-9]|1[0-2])";
const year = "([0-9]{4})";
const clock = "(?:[01][0-9]|2[0-3]):[0-5][0-9]";

/** How dates are written, as `parseDate` takes it, and the text that it means. The first that fits wins. */
const days: readonly (readonly [format: string, pattern: string])[] = [
  ["%Y-%m-%d", `${year}-${month}-${day}`],
  ["%Y/%m/%d", `${year}/${month}/${day}`],
  ["%d/%m/%Y", `${day}/${month}/${year}`],
  ["%m/%d/%Y", `${month}/${day}/${year}`],
  ["%d.%m.%Y", `${day}\\.${month}\\.${year}`],
  ["%d-%m-%Y", `${day}-${month}-${year}`],
  ["%m-%d-%Y", `${month}-${day}-${year}`],
  ["%d %b %Y", `${day} (?:${names}) ${year}`],
  ["%d-%b-%Y", `${day}-(?:${names})-${year}`],
  ["%b %d, %Y", `(?:${names}) ${day}, ${year}`],
];
const times: readonly (readonly [format: string, pattern: string])[] = [
  ["", ""],
  [" %H:%M:%S", ` ${clock}:[0-5][0-9]`],
  ["T%H:%M:%S", `T${clock}:[0-5][0-9]`],
  [" %H:%M", ` ${clock}`],
];

const formats = days.flatMap(([date, datePattern]) =>
  times.map(([time, timePattern]) => ({
    format: date + time,
    pattern: new RegExp(`^${datePattern}${timePattern}$`, "i"),
    hasTime: time !== "",
  })),
);

export interface DateFormat {
  readonly format: string;
  readonly hasTime: boolean;
  /** Another order of day and month fits every value as well; then the day is taken to come first. */
  readonly ambiguous: boolean;
}

/** The way in which all of the texts are written as dates; null when there is none, or no text. */
export function dateFormatOf(texts: readonly string[]): DateFormat | null {
  if (texts.length === 0) return null;
  const fitting = formats.filter(({ pattern }) => texts.every((text) => pattern.test(text)));
  const [best, second] = fitting;
  return best === undefined ? null : { format: best.format, hasTime: best.hasTime, ambiguous: second !== undefined };
}
