import { haveOwnNames } from "../../batch/structs.js";
import { type DataType, types } from "../../schema/types.js";
import { leafType } from "./parquetLeafType.js";
import { repetition } from "./parquetSchema.js";
import { numberField, structField, textField, type ThriftStruct } from "./parquetThrift.js";

/** A column of a file, a field of a struct or the item of a list, by its schema elements. */
export interface Tree {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly element: ThriftStruct;
  /** Its definition level: how many on the way to it may be absent, itself included. */
  readonly level: number;
  /** Its repetition level: how many lists it lies in. */
  readonly depth: number;
  /** Of a struct its fields; empty for others. */
  readonly fields: readonly Tree[];
  /** Of a list what it is a list of; null for others. */
  readonly item: Tree | null;
}

/** Where a part of the schema stands. */
type Place = Pick<Tree, "level" | "depth">;

/** Deeper schemas are the other decoder's. */
const deepest = 64;

/** Numbers of lists in `LogicalType` and `ConvertedType`. */
const listIds = { logical: 3, converted: 3 } as const;

/** The column that the elements describe; null where the decoder must be asked about it: unusual lists, and annotations that are not known here. */
export function treeOf(elements: readonly ThriftStruct[]): Tree | null {
  const reader = new TreeReader(elements);
  const tree = reader.read({ level: 0, depth: 0 });
  return reader.isDone ? tree : null;
}

class TreeReader {
  readonly #elements: readonly ThriftStruct[];
  #next = 0;
  /** Groups that were begun and not ended. */
  #open = 0;

  constructor(elements: readonly ThriftStruct[]) {
    this.#elements = elements;
  }

  get isDone(): boolean {
    return this.#next === this.#elements.length;
  }

  /** What stands next, in `above`. */
  read(above: Place): Tree | null {
    const element = this.#elements[this.#next];
    const repeats = element === undefined ? undefined : numberField(element, 3);
    if (element === undefined || repeats === repetition.repeated) return null;
    const nullable = repeats !== repetition.required;
    const place = { level: above.level + (nullable ? 1 : 0), depth: above.depth };
    if (isList(element)) return this.#list(element, nullable, place);
    return isAnnotatedGroup(element) ? null : this.#value(element, nullable, place);
  }

  /** A leaf or a struct, whatever its element says of its repetition. */
  #value(element: ThriftStruct, nullable: boolean, place: Place): Tree | null {
    this.#next++;
    const common = { name: textField(element, 4) ?? "", nullable, element, ...place, item: null };
    const count = childrenOf(element);
    if (count === 0) {
      const type = leafType(element);
      return type === null ? null : { ...common, type, fields: [] };
    }
    if (element.has(1) || this.#open === deepest) return null;
    this.#open++;
    const fields: Tree[] = [];
    for (let i = 0; i < count; i++) {
      const field = this.read(place);
      if (field === null) return null;
      fields.push(field);
    }
    this.#open--;
    if (!haveOwnNames(fields)) return null;
    const type = types.struct(fields.map((field) => ({ name: field.name, type: field.type, nullable: field.nullable })));
    return { ...common, type, fields };
  }

  #list(element: ThriftStruct, nullable: boolean, place: Place): Tree | null {
    this.#next++;
    const repeated = this.#elements[this.#next];
    if (element.has(1) || childrenOf(element) !== 1 || this.#open === deepest || repeated === undefined) return null;
    if (numberField(repeated, 3) !== repetition.repeated || isAnnotatedGroup(repeated)) return null;
    const name = textField(element, 4) ?? "";
    this.#open++;
    const item = this.#item(repeated, name, { level: place.level + 1, depth: place.depth + 1 });
    this.#open--;
    return item === null ? null : { name, type: types.list(item.type), nullable, element, ...place, fields: [], item };
  }

  /**
   * What the list `list` is of, by the format's rules for lists of all ages (LogicalTypes.md, Lists): the one field of its repeated group, or, as older
   * writers have it, what is repeated itself.
   */
  #item(repeated: ThriftStruct, list: string, place: Place): Tree | null {
    const name = textField(repeated, 4);
    if (childrenOf(repeated) !== 1 || name === "array" || name === `${list}_tuple`) return this.#value(repeated, false, place);
    this.#next++;
    return repeated.has(1) ? null : this.read(place);
  }
}

const childrenOf = (element: ThriftStruct): number => numberField(element, 5) ?? 0;

const isAnnotatedGroup = (element: ThriftStruct): boolean => childrenOf(element) > 0 && (element.has(6) || element.has(10));

function isList(element: ThriftStruct): boolean {
  const converted = numberField(element, 6);
  const logical = structField(element, 10);
  if (converted === undefined && logical === undefined) return false;
  return (converted ?? listIds.converted) === listIds.converted && (logical?.has(listIds.logical) ?? true);
}
