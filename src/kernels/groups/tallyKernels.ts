/** The kernels that count values, as JavaScript calls them. Addresses are bytes in the kernels' memory; see `assembly/groups/tally.ts`. */
export interface TallyKernels {
  tallyFixed(table: number, rows: number, count: number, columns: number, width: number, key: number): number;
  tallyTexts(
    table: number,
    rows: number,
    count: number,
    bytes: number,
    starts: number,
    ends: number,
    valid: number,
    most: number,
    open: number,
    opened: number,
  ): number;
  tallyPrune(table: number): void;
}
