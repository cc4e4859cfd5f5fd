import { checkPagesRead, type PagesRead } from "../../io/parquet/parquetPageCheck.js";
import { topological } from "../../optimize/rewrite.js";
import { type BoundNode, boundInputs } from "../../plan/bound.js";
import { checksums } from "../../runtime/safety.js";

type Scan = Extract<BoundNode, { readonly kind: "scan" }>;

/**
 * Runs a query over Parquet sources, and compares the pages of the columns that it reads with their checksums meanwhile, as DuckDB does not. What came
 * of the query counts only where they are as they were written.
 * @param query calls back when DuckDB works on it: until then this thread has more urgent things to do than to compare
 * @param throwIfStopped throws when the run is to stop
 * @throws MillraceError Data/PARQUET_CORRUPT with file, row group and column; whatever the query throws
 */
export async function overWholePages<T>(
  node: BoundNode,
  query: (begun: () => void) => Promise<T>,
  throwIfStopped: () => void,
): Promise<T> {
  const files = checksums ? pagesRead(node) : [];
  if (files.length === 0) return query(() => undefined);
  let failed = false;
  const goOn = (): void => {
    throwIfStopped();
    if (failed) throw new QueryFailed();
  };
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const compare = async (): Promise<void> => {
    await begun;
    for (const file of files) await checkPagesRead(file, goOn);
  };
  const run = async (): Promise<T> => {
    try {
      return await query(begin);
    } catch (thrown) {
      failed = true;
      throw thrown;
    } finally {
      begin();
    }
  };
  const [done, compared] = await Promise.allSettled([run(), compare()]);
  if (compared.status === "rejected" && !(compared.reason instanceof QueryFailed)) throw compared.reason;
  if (done.status === "rejected") throw done.reason;
  return done.value;
}

/** Ends a comparison whose query failed: it has its own error to tell. */
class QueryFailed extends Error {}

/** Each Parquet file that a query reads, with the columns and the rows that it needs of it. */
export function pagesRead(node: BoundNode): PagesRead[] {
  const files = new Map<string, { columns: Set<string>; rows: number }>();
  const rowsOf = rowsWanted(node);
  for (const [scan, rows] of rowsOf) {
    const { source, schema } = scan;
    if (source.spec.format !== "parquet") continue;
    const columns = schema.map(({ name }) => name).filter((name) => !source.partitionColumns.includes(name));
    for (const { path } of source.files) {
      const file = files.get(path) ?? { columns: new Set<string>(), rows: 0 };
      files.set(path, file);
      file.rows = Math.max(file.rows, rows);
      for (const column of columns) file.columns.add(column);
    }
  }
  return [...files].filter(([, { columns }]) => columns.size > 0).map(([path, file]) => ({ path, ...file }));
}

/** How many rows of each scan a query needs, from its first on: a limit over nothing but projections asks for no more than its own. */
function rowsWanted(root: BoundNode): ReadonlyMap<Scan, number> {
  const wanted = new Map<BoundNode, number>([[root, Number.POSITIVE_INFINITY]]);
  const scans = new Map<Scan, number>();
  // Every node comes before its inputs.
  for (const node of topological([root]).toReversed()) {
    const rows = wanted.get(node) ?? 0;
    if (node.kind === "scan") scans.set(node, rows);
    for (const input of boundInputs(node)) {
      wanted.set(input, Math.max(wanted.get(input) ?? 0, rowsOfInput(node, rows)));
    }
  }
  return scans;
}

function rowsOfInput(node: BoundNode, rows: number): number {
  if (node.kind === "limit") return Math.min(rows, node.count + node.offset);
  return node.kind === "project" ? rows : Number.POSITIVE_INFINITY;
}
