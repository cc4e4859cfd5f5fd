/** How values of a collected table are shown. The table's own types are described by their text, so that no engine is needed here. */

const typeNames: Readonly<Record<string, string>> = {
  Bool: "bool",
  Float16: "float16",
  Float32: "float32",
  Float64: "float64",
  Utf8: "utf8",
  LargeUtf8: "utf8",
  Binary: "binary",
  LargeBinary: "binary",
  "Date32<DAY>": "date",
  "Timestamp<MICROSECOND>": "timestamp",
  Null: "null",
};

/** The type as plans write it: `int32`, `timestamp`, `list(utf8)`. */
export function typeText(type: unknown): string {
  const text = String(type);
  const dictionary = /^Dictionary<(?:[^,]*, )?(.*)>$/.exec(text);
  if (dictionary !== null) return typeText(dictionary[1]);
  const decimal = /^Decimal\[(\d+)e([+-]?\d+)\]$/.exec(text);
  if (decimal !== null) return `decimal(${decimal[1]},${Number(decimal[2])})`;
  if (/^U?[Ii]nt\d+$/.test(text)) return text.toLowerCase();
  return typeNames[text] ?? text.toLowerCase();
}

/** One value as a cell. Null is an empty-looking `∅`, so that it differs from empty text. */
export function valueText(value: unknown, type: string): string {
  if (value === null || value === undefined) return "∅";
  const plain = jsonValue(value, type);
  return typeof plain === "object" ? JSON.stringify(plain) : String(plain);
}

/** One value as JSON holds it: 64-bit integers and decimals as text, dates and timestamps as ISO text, bytes as hex. */
export function jsonValue(value: unknown, type: string): unknown {
  if (value === null || value === undefined) return null;
  if (type === "date") return new Date(Number(value)).toISOString().slice(0, 10);
  if (type === "timestamp") return timestampText(value);
  const decimal = /^decimal\(\d+,(\d+)\)$/.exec(type);
  if (decimal !== null) return decimalText(value, Number(decimal[1]));
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value !== "object") return value;
  const nested = value as { toJSON?: () => unknown };
  return JSON.parse(JSON.stringify(nested, (_, item: unknown) => (typeof item === "bigint" ? item.toString() : item))) as unknown;
}

/** Milliseconds with fractions, as collected tables give timestamps, in the form `2026-01-31 23:59:59.123456`. */
function timestampText(value: unknown): string {
  const microseconds = typeof value === "bigint" ? value : BigInt(Math.round(Number(value) * 1000));
  const fraction = ((microseconds % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = (microseconds - fraction) / 1_000_000n;
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace("T", " ");
  return fraction === 0n ? text : `${text}.${fraction.toString().padStart(6, "0")}`;
}

/** The unscaled words of a decimal, low word first, with its point. */
function decimalText(value: unknown, scale: number): string {
  let unscaled = 0n;
  if (ArrayBuffer.isView(value)) {
    const words = new Uint32Array(value.buffer, value.byteOffset, value.byteLength / 4);
    for (let i = words.length - 1; i >= 0; i--) unscaled = (unscaled << 32n) | BigInt(words[i] ?? 0);
    unscaled = BigInt.asIntN(words.length * 32, unscaled);
  } else {
    unscaled = BigInt(String(value));
  }
  const sign = unscaled < 0n ? "-" : "";
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
