import type { GroupKernels } from "../groups/groupKernels.js";

/** The join kernels as JavaScript calls them. Addresses and lengths are bytes in the kernels' memory; see `assembly/joins/join.ts`. */
export interface JoinKernels {
  keySpan: GroupKernels["keySpan"];
  joinInsert(
    bytes: number,
    offsets: number,
    valid: number,
    rows: number,
    slots: number,
    mask: number,
    rowMask: number,
    next: number,
    last: number,
  ): number;
  joinProbe(
    probe: number,
    starts: number,
    ends: number,
    width: number,
    valid: number,
    selection: number,
    count: number,
    bytes: number,
    offsets: number,
    uniform: number,
    slots: number,
    mask: number,
    rowMask: number,
    out: number,
  ): number;
  /** Those below: `assembly/joins/joinWords.ts`. */
  joinInsertWords(
    bytes: number,
    starts: number,
    ends: number,
    width: number,
    valid: number,
    first: number,
    rows: number,
    slots: number,
    size: number,
    next: number,
    last: number,
  ): number;
  joinProbeWords(
    probe: number,
    starts: number,
    ends: number,
    width: number,
    valid: number,
    selection: number,
    count: number,
    slots: number,
    size: number,
    out: number,
    codes: number,
    none: number,
  ): void;
  joinKeepCodes(slots: number, size: number, codes: number, wide: number): void;
  joinSpreadCodes(codes: number, count: number, selection: number, wide: number, out: number): void;
  joinCodes(rows: number, count: number, selection: number, codes: number, wide: number, none: number, out: number): void;
}
