// What every indexer of a CSV block answers (u32 each).
export const SEPS: usize = 0; // separators written
export const LINES: usize = 4; // records ended
export const ANOMALY: usize = 8; // 1: quotes stand where only the exact indexer knows what they mean
export const INSIDE: usize = 12; // 1: the block ends inside quotes
export const MARKS: usize = 16; // marked records
export const INNER: usize = 20; // 1: quotes may hold a line end
export const WIDE: usize = 24; // 1: a byte may have its high bit set
