import { parseText } from "../../functions/cast.js";
import { RowFailure } from "../../functions/definition.js";
import { jsonQuick } from "../../kernels/jsonKernels.js";
import type { DataType, Value } from "../../schema/types.js";
import { riskyNumber } from "./jsonlExact.js";
import { jsonValue, NeedsExactNumbers } from "./jsonlValues.js";

/** How a column's values are made: by a kernel, field by field, or value by value from their JSON text. */
export type Way = "fixed" | "text" | "fields" | "wide" | "object" | "null";

/** How the values of a type are made that is not read field by field. */
export function wayOf(type: DataType): Exclude<Way, "fields"> {
  switch (type.kind) {
    case "utf8":
    case "binary":
      return "text";
    case "list":
    case "struct":
      return "object";
    case "null":
      return "null";
    case "decimal":
      return type.precision > 18 ? "wide" : "fixed";
    default:
      return "fixed";
  }
}

/** How the walker stores plain numbers of the type; 0 when it leaves them to the column's kernel. */
export function quickOf(type: DataType): number {
  const { taken, wide, float, unsigned } = jsonQuick;
  switch (type.kind) {
    case "int32":
      return taken;
    case "uint32":
      return taken | unsigned;
    case "int64":
      return taken | wide;
    case "uint64":
      return taken | wide | unsigned;
    case "float32":
      return taken | float;
    case "float64":
      return taken | wide | float;
    default:
      return 0;
  }
}

/** The value of a JSON text, or undefined when only the whole line says what it means. */
export function readValue(text: string, type: DataType, way: Way, risky: boolean): Value | undefined {
  try {
    if (way === "wide") return parseText(text, type);
    if (risky && riskyNumber.test(text)) return undefined;
    return jsonValue(JSON.parse(text), type, false);
  } catch (error) {
    if (error instanceof RowFailure || error instanceof NeedsExactNumbers) return undefined;
    throw error;
  }
}
