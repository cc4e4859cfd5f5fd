import { required } from "../../common/assert.js";
import type { BoundAggregate, BoundNamed } from "../../expr/nodes.js";
import type { CallTypes } from "../../functions/definition.js";
import { aggregateFunction } from "../../functions/registry.js";
import { type Schema, types } from "../../schema/types.js";

/**
 * Rows on their way to the final aggregation have their keys packed into the first column, whose name says what the others are: the arguments
 * of every aggregate, where grouping a partition would have gained little, or every aggregate's state columns, one row a group.
 */
export const packedKey = { rows: "__rows", states: "__states" } as const;

export type GroupForm = keyof typeof packedKey;

/** The first column of sorted groups: byte strings that compare as the keys do. */
export const sortKey = "__order";

export interface Grouping {
  readonly keys: readonly BoundNamed[];
  readonly aggregates: readonly BoundAggregate[];
}

const callOf = (aggregate: BoundAggregate): CallTypes => ({
  args: aggregate.args.map((arg) => arg.type),
  returns: aggregate.type,
  options: aggregate.options,
});

/** Types of an aggregate's state columns; null where it has no partial form. */
export const stateTypes = (aggregate: BoundAggregate) =>
  aggregateFunction(aggregate.fn).partial?.states(callOf(aggregate)) ?? null;

/** How many columns each aggregate has in a form. */
export function columnCounts({ aggregates }: Grouping, form: GroupForm): number[] {
  return aggregates.map((one) => (form === "rows" ? one.args.length : required(stateTypes(one), `states of ${one.fn}`).length));
}

/** Beginning of the names of keys that follow from the packed ones. */
const follower = "__key_";

/** The columns of a form: the packed keys, the last `following` keys where they follow from the others, then those of each aggregate. */
export function formSchema({ keys, aggregates }: Grouping, form: GroupForm, following = 0): Schema {
  const columns = aggregates.flatMap((one) =>
    form === "rows" ? one.args.map((arg) => arg.type) : required(stateTypes(one), `states of ${one.fn}`),
  );
  const key = { name: packedKey[form], type: types.binary, nullable: false };
  const followers = keys
    .slice(keys.length - following)
    .map(({ expr }, i) => ({ name: `${follower}${i}`, type: expr.type, nullable: true }));
  return [key, ...followers, ...columns.map((type, i) => ({ name: `__${form}_${i}`, type, nullable: true }))];
}

/** The form of a batch, by the name of its first column. */
export const formOf = (schema: Schema): GroupForm => (schema[0]?.name === packedKey.rows ? "rows" : "states");

/** How many columns of a form hold keys that follow from the packed ones. */
export const followersIn = (schema: Schema): number => schema.filter(({ name }) => name.startsWith(follower)).length;

/** The columns of sorted groups: sort keys, then the output of the aggregation. */
export const sortedSchema = (schema: Schema): Schema => [{ name: sortKey, type: types.binary, nullable: false }, ...schema];
