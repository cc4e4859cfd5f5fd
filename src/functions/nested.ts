import { type DataType, types, type Value } from "../schema/types.js";
import { didYouMean } from "../common/nearest.js";
import type { CallOptions } from "../expr/nodes.js";
import { sqlText } from "./cast-sql.js";
import type { ScalarFunction } from "./definition.js";
import { fixed, mismatch, smallInteger, type TypeClass, wrongCount } from "./signatures.js";

const fieldName = (options: CallOptions): string => String(options.name ?? "");

const field: ScalarFunction = {
  name: "field",
  summary: "A field of a struct, by options.name.",
  resolve(args, options) {
    const [struct] = args;
    if (struct === undefined || args.length !== 1) return wrongCount("1 argument", args.length);
    if (struct.kind !== "struct") return mismatch("a struct", struct, 0);
    const found = struct.fields.find((candidate) => candidate.name === fieldName(options));
    if (found !== undefined) return { args: [struct], returns: found.type };
    const names = struct.fields.map((candidate) => candidate.name);
    return `finds no field ${JSON.stringify(fieldName(options))}. ${didYouMean(fieldName(options), names)}`;
  },
  nulls: "propagate",
  nullable: true,
  evaluate([struct], { options }) {
    const fields = struct as { readonly [name: string]: Value };
    return (Object.hasOwn(fields, fieldName(options)) ? fields[fieldName(options)] : null) ?? null;
  },
  sql: ([struct], { options }) => `struct_extract(${struct}, ${sqlText(fieldName(options))})`,
};

const aList: TypeClass = { name: "a list", has: (type: DataType) => type.kind === "list", whenNull: types.list(types.int32) };

const listLength: ScalarFunction = {
  name: "listLength",
  summary: "Number of items of a list (int32).",
  resolve: fixed([[aList, null]], types.int32),
  nulls: "propagate",
  evaluate: ([list]) => (list as readonly Value[]).length,
  emit: ([list]) => `${list}.length`,
  sql: ([list]) => `CAST(len(${list}) AS INTEGER)`,
};

const listGet: ScalarFunction = {
  name: "listGet",
  summary: "The item at a 1-based place (negative: from the end); null where there is none.",
  resolve: fixed(
    [
      [aList, null],
      [smallInteger, types.int32],
    ],
    ([list]) => (list?.kind === "list" ? list.item : types.null),
  ),
  nulls: "propagate",
  nullable: true,
  evaluate([list, place]) {
    const items = list as readonly Value[];
    const at = place as number;
    return items[at > 0 ? at - 1 : at < 0 ? items.length + at : -1] ?? null;
  },
  sql: ([list, place]) => `list_extract(${list}, ${place})`,
};

export const nestedFunctions: readonly ScalarFunction[] = [field, listLength, listGet];
