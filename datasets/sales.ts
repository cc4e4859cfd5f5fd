import { ByteWriter } from "./byteWriter.ts";
import { Random } from "./random.ts";

export const salesColumns = [
  "transaction_id",
  "customer_id",
  "product_id",
  "quantity",
  "unit_price",
  "transaction_date",
  "store_id",
] as const;

/** What dirt is mixed in, in rows per million. The first four cannot be read and end as rejects; the others are valid but awkward. */
export const dirtRates = {
  badNumber: 1_000,
  badDate: 500,
  missingField: 500,
  extraField: 500,
  emptyCustomer: 2_000,
  duplicateKey: 1_000,
  quotedDelimiter: 2_000,
  quotedQuote: 1_000,
  quotedNewline: 1_000,
  lateDate: 2_000,
} as const;

export type Dirt = keyof typeof dirtRates;

export interface SalesOptions {
  readonly rows: number;
  readonly seed: number;
  readonly days: number;
  /** Customers in the dimension; 2 % more are referred to, so that some are missing from it. */
  readonly customers: number;
  /** Multiplies `dirtRates`; 0 writes clean data. */
  readonly dirt: number;
  readonly format: "csv" | "jsonl";
  /** The file a day's rows go to. */
  readonly pathOf: (day: string) => string;
}

export interface SalesWritten {
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly string[];
  /** Rows with quantity <= 0 among those that can be read. */
  readonly notPositive: number;
  readonly dirt: { readonly [kind in Dirt]: number };
}

const firstDay = Date.UTC(2026, 0, 1);
const stores = 200;
const products = 20_000;
const badNumbers = ["n/a", "1O", "3x", "--2"];
const badDates = ["2026-13-45 10:00:00", "yesterday", "2026-02-30 08:15:00"];

interface Row {
  transaction: number;
  customer: number;
  product: number;
  quantity: number;
  cents: number;
  second: number;
  /** 0 is none. */
  store: number;
  dirt: Dirt | null;
  /** Picks among the variants of a dirt. */
  variant: number;
}

/** Days as `YYYY-MM-DD`, from the first one on. */
export function dayNames(count: number): string[] {
  return Array.from({ length: count }, (_, day) => new Date(firstDay + day * 86_400_000).toISOString().slice(0, 10));
}

/** Writes sales in order of time. The same options give the same bytes. */
export function writeSales(options: SalesOptions): SalesWritten {
  const random = new Random(options.seed);
  const pick = dirtPicker(options.dirt);
  const days = dayNames(options.days);
  const counts = Object.fromEntries(Object.keys(dirtRates).map((kind) => [kind, 0])) as { [kind in Dirt]: number };
  const writeRow = options.format === "csv" ? csvRow : jsonRow;
  const files: string[] = [];
  let bytes = 0;
  let notPositive = 0;
  let out: ByteWriter | null = null;
  const row: Row = {
    transaction: 0,
    customer: 0,
    product: 0,
    quantity: 0,
    cents: 0,
    second: 0,
    store: 0,
    dirt: null,
    variant: 0,
  };
  let lastDay = -1;
  for (let i = 0; i < options.rows; i++) {
    fillRow(row, i, options, random, pick);
    const day = Math.floor((i * options.days) / options.rows);
    if (day !== lastDay) {
      lastDay = day;
      const path = options.pathOf(days[day] as string);
      if (path !== files.at(-1)) {
        bytes += finish(out);
        files.push(path);
        out = new ByteWriter(path);
        if (options.format === "csv") out.text(`${salesColumns.join(",")}\n`);
      }
    }
    if (row.dirt !== null) counts[row.dirt]++;
    if (row.quantity <= 0 && !isUnreadable(row.dirt)) notPositive++;
    writeRow(out as ByteWriter, row, days);
  }
  bytes += finish(out);
  return { rows: options.rows, bytes, files, notPositive, dirt: counts };
}

/** Whether a record with this dirt cannot be read under the declared schema. */
export function isUnreadable(dirt: Dirt | null): boolean {
  return dirt === "badNumber" || dirt === "badDate" || dirt === "missingField" || dirt === "extraField";
}

function finish(out: ByteWriter | null): number {
  if (out === null) return 0;
  out.close();
  return out.bytes;
}

function dirtPicker(factor: number): (random: number) => Dirt | null {
  const limits: { readonly dirt: Dirt; readonly limit: number }[] = [];
  let sum = 0;
  for (const dirt of Object.keys(dirtRates) as Dirt[]) {
    sum += dirtRates[dirt] * factor;
    limits.push({ dirt, limit: sum });
  }
  return (random) => {
    const value = random % 1_000_000;
    if (value >= sum) return null;
    return limits.find(({ limit }) => value < limit)?.dirt ?? null;
  };
}

function fillRow(row: Row, index: number, options: SalesOptions, random: Random, pick: (random: number) => Dirt | null): void {
  const perRow = (options.days * 86_400) / options.rows;
  const slot = Math.floor(index * perRow);
  row.transaction = index + 1;
  row.customer = 1 + random.below(options.customers + Math.ceil(options.customers * 0.02));
  row.product = 1 + random.below(products);
  const luck = random.next();
  row.quantity = luck % 100 === 0 ? -(((luck / 100) | 0) % 4) : (1 + ((luck >>> 8) % 100) / 10) | 0;
  row.cents = 50 + random.below(9_950);
  const day = Math.floor((index * options.days) / options.rows);
  row.second = Math.min(day * 86_400 + 86_399, slot + random.below(Math.max(1, Math.ceil(perRow))));
  const shop = random.next();
  row.store = shop % 100 === 0 ? 0 : 1 + ((shop >>> 8) % stores);
  row.dirt = null;
  if (options.dirt > 0) dirty(row, random, pick);
}

function dirty(row: Row, random: Random, pick: (random: number) => Dirt | null): void {
  row.dirt = pick(random.next());
  row.variant = random.next();
  // One row in five belongs to the ten busiest customers: a skewed key.
  if (row.variant % 5 === 0) row.customer = 1 + ((row.variant >>> 8) % 10);
  if (row.dirt === "duplicateKey") {
    if (row.transaction === 1) row.dirt = null;
    else row.transaction = 1 + (row.variant % (row.transaction - 1));
  }
  if (row.dirt === "lateDate") row.second = Math.max(0, row.second - 86_400 * (1 + (row.variant % 30)));
}

function csvRow(out: ByteWriter, row: Row, days: readonly string[]): void {
  const { dirt, variant } = row;
  out.byte(84); // T
  out.padded(row.transaction, 10);
  out.byte(44);
  if (dirt !== "emptyCustomer") {
    out.byte(67); // C
    out.padded(row.customer, 7);
  }
  out.byte(44);
  csvProduct(out, row);
  out.byte(44);
  if (dirt === "badNumber" && variant % 2 === 0) out.text(badNumbers[(variant >>> 4) % badNumbers.length] as string);
  else signed(out, row.quantity);
  out.byte(44);
  if (dirt === "badNumber" && variant % 2 === 1) out.text("12.5.0");
  else price(out, row.cents);
  out.byte(44);
  if (dirt === "badDate") out.text(badDates[variant % badDates.length] as string);
  else moment(out, row.second, days);
  if (dirt !== "missingField") {
    out.byte(44);
    store(out, row.store);
  }
  if (dirt === "extraField") out.text(",unexpected");
  out.endRow();
}

function csvProduct(out: ByteWriter, row: Row): void {
  const special =
    row.dirt === "quotedDelimiter" ? "," : row.dirt === "quotedQuote" ? '""' : row.dirt === "quotedNewline" ? "\n" : null;
  if (special === null) {
    out.byte(80); // P
    out.padded(row.product, 5);
    return;
  }
  out.text(`"P${special}`);
  out.padded(row.product, 5);
  out.byte(34);
}

function jsonRow(out: ByteWriter, row: Row, days: readonly string[]): void {
  const { dirt } = row;
  out.text('{"transaction_id":"T');
  out.padded(row.transaction, 10);
  out.text('","customer_id":');
  if (dirt === "emptyCustomer") out.text("null");
  else {
    out.text('"C');
    out.padded(row.customer, 7);
    out.byte(34);
  }
  out.text(',"product_id":"P');
  if (dirt === "quotedQuote") out.text('\\"');
  if (dirt === "quotedNewline") out.text("\\n");
  if (dirt === "quotedDelimiter") out.byte(44);
  out.padded(row.product, 5);
  out.text('","quantity":');
  if (dirt === "badNumber") out.text('"n/a"');
  else signed(out, row.quantity);
  out.text(',"unit_price":');
  price(out, row.cents);
  out.text(',"transaction_date":"');
  if (dirt === "badDate") out.text(badDates[row.variant % badDates.length] as string);
  else moment(out, row.second, days);
  out.text('","store_id":');
  if (row.store === 0) out.text("null");
  else {
    out.byte(34);
    store(out, row.store);
    out.byte(34);
  }
  // A cut line and a line with something behind the object are what broken writers leave.
  if (dirt === "extraField") out.text("}}");
  else if (dirt !== "missingField") out.byte(125);
  out.endRow();
}

function signed(out: ByteWriter, value: number): void {
  if (value < 0) out.byte(45);
  out.integer(Math.abs(value));
}

function price(out: ByteWriter, cents: number): void {
  const whole = (cents / 100) | 0;
  out.integer(whole);
  out.byte(46);
  out.padded(cents - whole * 100, 2);
}

function moment(out: ByteWriter, second: number, days: readonly string[]): void {
  const day = Math.floor(second / 86_400);
  const inDay = second - day * 86_400;
  const hour = (inDay / 3_600) | 0;
  const minute = ((inDay - hour * 3_600) / 60) | 0;
  out.text(days[day] as string);
  out.byte(32);
  out.padded(hour, 2);
  out.byte(58);
  out.padded(minute, 2);
  out.byte(58);
  out.padded(inDay - hour * 3_600 - minute * 60, 2);
}

function store(out: ByteWriter, id: number): void {
  if (id === 0) return;
  out.byte(83); // S
  out.integer(id);
}
