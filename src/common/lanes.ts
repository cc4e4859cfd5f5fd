/**
 * Does something with each item, up to `lanes` of them at a time, begun in their order. Where one fails no further one is begun, and all that are under
 * way have ended before the failure of the first of them in order is thrown.
 */
export async function inLanes<T, R>(items: readonly T[], lanes: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  const failures: { readonly index: number; readonly cause: unknown }[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next++;
      try {
        done[index] = await work(items[index] as T);
      } catch (cause) {
        failures.push({ index, cause });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  const [first] = failures.sort((a, b) => a.index - b.index);
  if (first !== undefined) throw first.cause;
  return done;
}
