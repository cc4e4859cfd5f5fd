import type { PartitionSpec } from "./protocol.js";

/** Those of a source's files that a partition is of, where it is not of all. */
export const filesOf = <F>(part: PartitionSpec, files: readonly F[]): readonly F[] =>
  files.slice(part.file, part.file + (part.kind === "files" ? part.count : 1));
