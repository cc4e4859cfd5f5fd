import { internalError } from "../../common/errors.js";
import type { CallTypes } from "../../functions/definition.js";
import { type DataType, isFloat } from "../../schema/types.js";
import { EndState } from "./aggregateEnds.js";
import { extremeState } from "./aggregateExtreme.js";
import { ArgExtremeState } from "./aggregateArg.js";
import { FloatSumState } from "./aggregateFloat.js";
import { MeanState } from "./aggregateMean.js";
import { MomentsState } from "./aggregateMoments.js";
import type { Accumulator } from "./aggregateState.js";
import { CountState, ExactSumState } from "./aggregateSum.js";

/** The state of an aggregate by its name. `states` are the types that its definition gives its state columns. */
export function accumulatorFor(fn: string, call: CallTypes, states: readonly DataType[]): Accumulator {
  const state = (i: number): DataType => {
    const type = states[i];
    if (type === undefined) throw internalError(`aggregate ${fn} has no state ${i}`);
    return type;
  };
  const sum = () => (isFloat(state(0)) ? new FloatSumState() : new ExactSumState(state(0), call.returns));
  switch (fn) {
    case "count":
      return new CountState();
    case "sum":
      return sum();
    case "avg":
      return new MeanState(sum(), scaleOf(call.args[0]));
    case "min":
    case "boolAnd":
      return extremeState(state(0), -1);
    case "max":
    case "boolOr":
      return extremeState(state(0), 1);
    case "argMin":
      return new ArgExtremeState(states, false);
    case "argMax":
      return new ArgExtremeState(states, true);
    case "first":
    case "last":
      return new EndState(state(0), fn === "last");
    case "variance":
    case "variancePop":
    case "stddev":
    case "stddevPop":
      return new MomentsState(fn);
    default:
      throw internalError(`no partial state is known for aggregate ${fn} of ${call.args.length} arguments`);
  }
}

const scaleOf = (type: DataType | undefined): number => (type?.kind === "decimal" ? type.scale : 0);
