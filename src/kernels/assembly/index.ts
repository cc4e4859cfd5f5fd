// Kernels compiled to one small WebAssembly module. They work on memory that the host hands them and never allocate.
import { doubleRoom } from "./double";

export { powersOfFive } from "./double";
export { countByte, findByte, invalidUtf8Rows } from "./text";
export { md5Text, sha256Text } from "./digests";
export * from "./csv/csv";
export * from "./csv/indexExact";
export * from "./csv/columns";
export * from "./csv/textColumns";
export * from "./csv/infer";
export * from "./csv/rejects";
export { jsonLines, jsonMemoBytes, jsonReset, jsonRows } from "./json/jsonLines";
export * from "./json/jsonColumns";
export { jsonListColumn } from "./json/jsonLists";
export * from "./parquet/snappy";
export { writeLines } from "./lines/lines";
export { doubleText } from "./lines/lineDoubles";
export * from "./joins/join";
export * from "./joins/joinWords";
export * from "./parquet/parquetDelta";
export * from "./parquet/parquetRuns";
export * from "./parquet/parquetSpread";
export * from "./parquet/parquetTexts";
export * from "./parquet/parquetLists";
export * from "./parquet/parquetRows";
export * from "./parquet/parquetBounds";
export * from "./parquet/parquetDictionary";
export * from "./parquet/parquetPack";
export * from "./groups/group";
export * from "./groups/packKeys";
export {
  bucketPlaces,
  orderOfPlaces,
  placeFixed,
  placeWords,
  areEven,
  permuteFixed,
  permuteBytes,
  appendTexts,
} from "./groups/groupOrder";
export { orderedKeys, placedKeys } from "./groups/orderedKeys";
export { sortKeys } from "./sorts/sortRuns";
export * from "./groups/groupSort";
export * from "./groups/groupFront";
export * from "./groups/codedGroups";
export * from "./groups/aggregate";
export * from "./groups/moments";
export * from "./masks";
export * from "./magnitude";
export * from "./groups/tally";

/** First byte after the module's own static data and tables. */
export function heapBase(): usize {
  return __heap_base + doubleRoom;
}
