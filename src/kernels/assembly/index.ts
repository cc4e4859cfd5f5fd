// Kernels compiled to one small WebAssembly module. They work on memory that the host hands them and never allocate.
import { doubleRoom } from "./double";

export { powersOfFive } from "./double";
export * from "./text";
export * from "./csv";
export * from "./columns";
export * from "./textColumns";
export * from "./infer";
export * from "./rejects";
export { jsonLines, jsonMemoBytes, jsonReset, jsonRows } from "./jsonLines";
export { jsonMarks } from "./jsonNumbers";
export * from "./jsonColumns";
export * from "./snappy";
export { writeLines } from "./lines";
export { doubleText } from "./lineDoubles";
export * from "./join";
export * from "./joinWords";
export * from "./parquetDelta";
export * from "./parquetRows";
export * from "./parquetBounds";
export * from "./parquetDictionary";
export * from "./parquetPack";
export * from "./group";
export {
  bucketPlaces,
  orderOfPlaces,
  placeFixed,
  placeWords,
  areEven,
  permuteFixed,
  permuteBytes,
  appendTexts,
} from "./groupOrder";
export { orderedKeys, placedKeys } from "./orderedKeys";
export { sortKeys } from "./sortRuns";
export * from "./groupSort";
export * from "./groupFront";
export * from "./aggregate";
export * from "./masks";
export * from "./tally";

/** First byte after the module's own static data and tables. */
export function heapBase(): usize {
  return __heap_base + doubleRoom;
}
