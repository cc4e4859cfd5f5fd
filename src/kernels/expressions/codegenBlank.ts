import { type DataType, valueForm } from "../../schema/types.js";

/** A value of the right JavaScript type to stand where there is none, so that a variable keeps one representation. */
export function blankOf(type: DataType): string {
  switch (valueForm(type)) {
    case "boolean":
      return "false";
    case "number":
      return "0";
    case "bigint":
      return "0n";
    case "string":
      return '""';
    default:
      return "null";
  }
}
