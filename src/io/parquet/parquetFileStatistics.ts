import type { SourceFile } from "../../plan/bound.js";
import type { ColumnRange, DistinctValues, FileStatistics } from "../../plan/statistics.js";
import { nodeFileSystem } from "../fileSystem.js";
import { distinctValues } from "./parquetDistinct.js";
import { type Footer, readFooter } from "./parquetFooter.js";
import { columnRange } from "./parquetRanges.js";
import { type ColumnMetadata, type FileColumn, inFile } from "./parquetReadSchema.js";
import { structAt, structField, type ThriftStruct } from "./parquetThrift.js";

interface KnownFile {
  readonly file: SourceFile;
  readonly footer: Footer | null;
  readonly columns: readonly FileColumn[];
}

/** Metadata of more files than this is read again when it is asked for: a source may be held for as long as a run takes. */
const mostHeldBytes = 32 * 2 ** 20;

/** What the footers of a source's files say of its columns. Of a wide file most columns are never asked for. */
export class FooterStatistics implements FileStatistics {
  private readonly known: KnownFile[] = [];
  private readonly ranges = new Map<string, ColumnRange | null>();
  private readonly distincts = new Map<string, DistinctValues | null>();
  private heldBytes = 0;

  constructor(private readonly mostBytes = mostHeldBytes) {}

  add(file: SourceFile, footer: Footer, columns: readonly FileColumn[]): void {
    this.heldBytes += file.bytes - footer.dataEnd;
    this.known.push({ file, footer: this.heldBytes > this.mostBytes ? null : footer, columns });
  }

  range(column: string): ColumnRange | null {
    return this.found(this.ranges, column, columnRange);
  }

  distinct(column: string): DistinctValues | null {
    return this.found(this.distincts, column, distinctValues);
  }

  among(files: readonly SourceFile[]): FileStatistics {
    const wanted = new Set(files);
    const some = new FooterStatistics(this.mostBytes);
    some.known.push(...this.known.filter(({ file }) => wanted.has(file)));
    return some;
  }

  private found<T>(known: Map<string, T | null>, name: string, find: (files: readonly ColumnMetadata[]) => T | null): T | null {
    const before = known.get(name);
    if (before !== undefined) return before;
    const files = this.chunksOf(name);
    const made = files === null ? null : inFile(this.known[0]?.file.path ?? "", () => find(files));
    known.set(name, made);
    return made;
  }

  /** Null where not every file has the column. */
  private chunksOf(name: string): readonly ColumnMetadata[] | null {
    const files: ColumnMetadata[] = [];
    for (const { file, footer, columns } of this.known) {
      const column = columns.find((one) => one.name === name);
      if (column === undefined) return null;
      const { rowGroups } = footer ?? readFooter(nodeFileSystem, file.path);
      const chunks = inFile(file.path, () => rowGroups.map((group) => metadataOf(group, column)));
      files.push({ column, chunks });
    }
    return files.length === 0 ? null : files;
  }
}

function metadataOf(group: ThriftStruct, column: FileColumn): ThriftStruct | undefined {
  const chunk = structAt(group, 1, column.firstLeaf);
  return chunk === undefined ? undefined : structField(chunk, 3);
}
