import { MillraceError } from "../common/errors.js";
import { scratchDamaged } from "../exchange/pagedFile.js";

/** What a reader says of a file that cannot be read, where it is one of ours and no input. */
export function ofScratch(error: unknown): unknown {
  if (!(error instanceof MillraceError) || error.place.file === undefined) return error;
  const { code, message, place } = error;
  const isDamage = code.startsWith("PARQUET_") || code === "SOURCE_CHANGED";
  if (!isDamage && code !== "SOURCE_NOT_FOUND") return error;
  return scratchDamaged(place.file ?? "", message);
}
