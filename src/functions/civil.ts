/** Proleptic Gregorian calendar by integer arithmetic. Days and microseconds count from 1970-01-01; year 0 is 1 BC. */

export const dayMicros = 86_400_000_000n;
const dayMicrosNumber = 86_400_000_000;

export interface Civil {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

/** Days since 1970-01-01 of a date; month and day must be valid. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}

export function civilFromDays(days: number): Civil {
  const z = days + 719468;
  return z >= 0 && z <= 0x7fff_ffff ? civilOfNear(z) : civilOfFar(z);
}

/** From year 0 on, by 32-bit integers: the same steps, several times as fast. */
function civilOfNear(z: number): Civil {
  const era = (z / 146097) | 0;
  const dayOfEra = (z - Math.imul(era, 146097)) | 0;
  const leaps = ((dayOfEra / 1460) | 0) - ((dayOfEra / 36524) | 0) + ((dayOfEra / 146096) | 0);
  const yearOfEra = ((dayOfEra - leaps) / 365) | 0;
  const dayOfYear = (dayOfEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0))) | 0;
  const shifted = ((5 * dayOfYear + 2) / 153) | 0;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: (yearOfEra + Math.imul(era, 400) + (month <= 2 ? 1 : 0)) | 0,
    month,
    day: (dayOfYear - (((153 * shifted + 2) / 5) | 0) + 1) | 0,
  };
}

function civilOfFar(z: number): Civil {
  const era = Math.floor(z / 146097);
  const dayOfEra = z - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}

export const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : (monthLengths[month - 1] ?? 0);
}

/** The day on which a timestamp falls. Exact over the whole 64-bit range. */
export function daysOfMicros(micros: bigint): number {
  const near = Number(micros);
  if (near > -9e15 && near < 9e15) return Math.floor(near / dayMicrosNumber);
  const days = micros / dayMicros;
  return Number(micros < 0n && days * dayMicros !== micros ? days - 1n : days);
}

/** Microseconds since midnight, 0 to 86,399,999,999. */
export const microsOfDay = (micros: bigint): number => Number(micros - BigInt(daysOfMicros(micros)) * dayMicros);

export const microsOfDays = (days: number): bigint => BigInt(days) * dayMicros;

/** 1 is Monday, 7 is Sunday. */
export const isoDayOfWeek = (days: number): number => ((((days + 3) % 7) + 7) % 7) + 1;

export const mondayOf = (days: number): number => days - (isoDayOfWeek(days) - 1);

export const dayOfYear = (days: number): number => days - daysFromCivil(civilFromDays(days).year, 1, 1) + 1;

/** ISO 8601: week 1 is the one with the year's first Thursday. */
export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  const thursday = mondayOf(days) + 3;
  const { year } = civilFromDays(thursday);
  return { year, week: Math.floor((thursday - daysFromCivil(year, 1, 1)) / 7) + 1 };
}

/** The same day of another month; the last day of the month where it has no such day. */
export function addMonths(days: number, months: number): number {
  const { year, month, day } = civilFromDays(days);
  const total = year * 12 + (month - 1) + months;
  const newYear = Math.floor(total / 12);
  const newMonth = total - newYear * 12 + 1;
  return daysFromCivil(newYear, newMonth, Math.min(day, daysInMonth(newYear, newMonth)));
}

export const yearOf = (days: number): number => civilFromDays(days).year;
export const monthOf = (days: number): number => civilFromDays(days).month;
export const dayOf = (days: number): number => civilFromDays(days).day;
export const quarterOf = (days: number): number => Math.floor((civilFromDays(days).month + 2) / 3);
export const weekOf = (days: number): number => isoWeek(days).week;
