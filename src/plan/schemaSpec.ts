import { planError } from "../common/errors.js";
import { type DataType, parseType, type Schema } from "../schema/types.js";
import { describe } from "./literal.js";
import { invalidOption } from "./options.js";

/**
 * A declared schema as fields, in the order written; every column may be null.
 * @throws MillraceError Plan/INVALID_OPTION, Plan/UNKNOWN_TYPE, Plan/INVALID_TYPE
 */
export function parseSchema(value: unknown, where: string): Schema {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidOption(where, "schema", 'column names with types, as in { id: "int64", name: "utf8" }', value);
  }
  const fields = Object.entries(value).map(([name, type]: [string, unknown]) => {
    const isType = typeof type === "string" || (typeof type === "object" && type !== null && "kind" in type);
    if (!isType) {
      throw planError("INVALID_OPTION", `${where}: column ${JSON.stringify(name)}: expected a type, found ${describe(type)}`, {
        column: name,
        hint: 'Types are written as text: "int64", "list(utf8)", "struct(id: int64, name: utf8)".',
      });
    }
    return { name, type: parseType(type as string | DataType), nullable: true };
  });
  if (fields.length === 0) throw planError("EMPTY_SCHEMA", `${where}: a schema names at least one column`);
  return fields;
}
