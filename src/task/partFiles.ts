import type { ResolvedSource, SourceFile } from "../plan/bound.js";
import type { PartitionSpec } from "./protocol.js";

/** The files of a source that a partition is of, where it is not of all. */
export const filesOf = (part: PartitionSpec, { files }: ResolvedSource): readonly SourceFile[] =>
  files.slice(part.file, part.file + (part.kind === "files" ? part.count : 1));
