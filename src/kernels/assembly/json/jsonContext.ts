// What `jsonLines` is asked and answers (u32 each).
export const BASE: usize = 0; // block
export const FROM: usize = 4; // where to begin, relative to the block; out: where it stopped
export const LIMIT: usize = 8; // lines that begin here or later are not read
export const END: usize = 12; // after the block's last line feed
export const CAPACITY: usize = 16; // most rows
export const SUSPECT: usize = 20; // 1: the block is not well-formed UTF-8; then only lines of ASCII are read
export const SPANS: usize = 24; // out: per row one pair for each column and one more that is not used
export const COLUMNS: usize = 28;
export const KEYS: usize = 32; // per column (a struct's fields behind it) and for the keys of none: see `jsonValues.ts`
export const STARTS: usize = 36; // out: first byte of each row's line
export const EXACT: usize = 40; // out: rows whose line the host reads
export const CONTEXT_MEMO: usize = 44; // the spellings and the track; see `forgetSpellings`
export const ROWS: usize = 48; // out
export const LINES: usize = 52; // out: lines, blank ones too
export const EXACTS: usize = 56; // out: rows in EXACT
