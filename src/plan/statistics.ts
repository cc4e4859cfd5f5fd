import type { ResolvedSource, SourceFile } from "./bound.js";

/** Bounds of the values of a column of integers or floats; NaN may stand beside them. */
export interface ColumnRange {
  readonly min: number;
  readonly max: number;
}

/** How many different values a column has: about, and rather fewer than there are. */
export interface DistinctValues {
  readonly least: number;
  /** Whether somebody counted them, at least in some of the rows. */
  readonly counted: boolean;
}

/** What files say of their own columns; null where they do not tell. It is looked up when it is first asked for. */
export interface FileStatistics {
  range(column: string): ColumnRange | null;
  distinct(column: string): DistinctValues | null;
  /** What some of the files say. */
  among(files: readonly SourceFile[]): FileStatistics;
}

/** Kept beside the sources: these are sent to workers with every task, and nobody asks there. */
const noted = new WeakMap<readonly SourceFile[], FileStatistics>();

export function noteStatistics(files: readonly SourceFile[], statistics: FileStatistics): void {
  noted.set(files, statistics);
}

/** Notes for some of the files what is noted for all. */
export function noteAmong(all: readonly SourceFile[], some: readonly SourceFile[]): void {
  const statistics = noted.get(all);
  if (statistics !== undefined) noteStatistics(some, statistics.among(some));
}

/** The range of a column of a source; null where it is not known. */
export function rangeOfColumn({ files, partitionColumns }: ResolvedSource, column: string): ColumnRange | null {
  return partitionColumns.includes(column) ? null : (noted.get(files)?.range(column) ?? null);
}

/** How many different values a column of a source has; null where it is not known. */
export function distinctOfColumn({ files, partitionColumns }: ResolvedSource, column: string): DistinctValues | null {
  const folder = partitionColumns.indexOf(column);
  if (folder < 0) return noted.get(files)?.distinct(column) ?? null;
  return { least: new Set(files.map(({ partitionValues }) => partitionValues[folder])).size, counted: true };
}
