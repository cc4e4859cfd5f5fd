/** Edit distance with adjacent transpositions (optimal string alignment), for "did you mean". */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] as number) + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] as number;
}

/** The valid names nearest to a wrong one, best first, at most `most`. */
export function nearestNames(wrong: string, valid: readonly string[], most = 3): string[] {
  const lower = wrong.toLowerCase();
  return valid
    .map((name) => ({ name, distance: editDistance(lower, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(2, Math.floor(Math.max(wrong.length, name.length) / 3)))
    .sort((x, y) => x.distance - y.distance)
    .slice(0, most)
    .map(({ name }) => name);
}

/** ` Did you mean "x"?`, or the list of valid names when nothing is near. */
export function didYouMean(wrong: string, valid: readonly string[]): string {
  const near = nearestNames(wrong, valid);
  if (near.length > 0) return `Did you mean ${near.map((name) => JSON.stringify(name)).join(" or ")}?`;
  const shown = valid.slice(0, 12).map((name) => JSON.stringify(name));
  return `Valid names: ${shown.join(", ")}${valid.length > shown.length ? ", …" : ""}.`;
}
