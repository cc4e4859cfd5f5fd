/** The mask kernels as JavaScript calls them. Addresses are bytes in the kernels' memory, masks one byte a row; see `assembly/masks.ts`. */
export interface MaskKernels {
  maskI32(values: number, rows: number, low: number, high: number, inside: number, out: number): void;
  maskI64(values: number, rows: number, low: bigint, high: bigint, inside: number, out: number): void;
  maskF64(values: number, rows: number, order: number, to: number, negated: number, out: number): void;
  doublesOfI32(values: number, rows: number, out: number): void;
  doublesFill(value: number, rows: number, out: number): void;
  doublesBinary(operation: number, a: number, b: number, rows: number, out: number): void;
  maskPattern(
    bytes: number,
    starts: number,
    ends: number,
    valid: number,
    rows: number,
    next: number,
    first: number,
    atEnd: number,
    want: number,
    out: number,
    open: number,
    memo: number,
  ): number;
  maskTexts(
    bytes: number,
    starts: number,
    ends: number,
    valid: number,
    rows: number,
    slots: number,
    mask: number,
    want: number,
    out: number,
  ): void;
  maskNulls(valid: number, rows: number, want: number, out: number): void;
  maskFill(value: number, rows: number, out: number): void;
  maskAnd(a: number, b: number, rows: number): void;
  maskOr(a: number, b: number, rows: number): void;
  maskCount(mask: number, rows: number): number;
  maskRows(mask: number, rows: number, out: number): number;
}
