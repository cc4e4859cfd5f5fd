import { internalError } from "../common/errors.js";
import { compareValues } from "../functions/compare.js";
import type { CallTypes } from "../functions/definition.js";
import { type DataType, isFloat } from "../schema/types.js";
import { extremeState } from "./aggregateExtreme.js";
import { ArgExtremeState, EndState, FloatSumState, MomentsState } from "./aggregateFloat.js";
import type { Accumulator } from "./aggregateState.js";
import { CountState, ExactSumState } from "./aggregateSum.js";

/** The state of an aggregate by its name. `states` are the types that its definition gives its state columns. */
export function accumulatorFor(fn: string, call: CallTypes, states: readonly DataType[]): Accumulator {
  const state = (i: number): DataType => {
    const type = states[i];
    if (type === undefined) throw internalError(`aggregate ${fn} has no state ${i}`);
    return type;
  };
  const sum = (): Accumulator => (isFloat(state(0)) ? new FloatSumState() : new ExactSumState(state(0)));
  switch (fn) {
    case "count":
      return new CountState(state(0));
    case "sum":
      return sum();
    case "avg":
      return both(sum(), new CountState(state(1)));
    case "min":
    case "boolAnd":
      return extremeState(state(0), -1);
    case "max":
    case "boolOr":
      return extremeState(state(0), 1);
    case "argMin":
      return new ArgExtremeState(states, (a, b) => compareValues(a, b) < 0);
    case "argMax":
      return new ArgExtremeState(states, (a, b) => compareValues(a, b) > 0);
    case "first":
    case "last":
      return new EndState(state(0), fn === "last");
    case "variance":
    case "variancePop":
    case "stddev":
    case "stddevPop":
      return new MomentsState();
    default:
      throw internalError(`no partial state is known for aggregate ${fn} of ${call.args.length} arguments`);
  }
}

/** Two states of the same argument, one after the other. */
function both(first: Accumulator, second: Accumulator): Accumulator {
  return {
    add(args, groups, selection, count) {
      first.add(args, groups, selection, count);
      second.add(args, groups, selection, count);
    },
    finish: (count) => [...first.finish(count), ...second.finish(count)],
  };
}
