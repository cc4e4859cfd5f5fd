import { crc32 as nativeCrc32 } from "node:zlib";

/**
 * A measuring aid: `MILLRACE_MEASURE_WITHOUT=journal,checksums,fsync` in the environment names what a run does not do: keep a journal, compute
 * and compare checksums, wait for the disk. So it can be told what each costs. Never for work that counts.
 */
const without = (process.env.MILLRACE_MEASURE_WITHOUT ?? "").split(",");

export const keepsJournals: boolean = !without.includes("journal");
export const checksums: boolean = !without.includes("checksums");
export const syncs: boolean = !without.includes("fsync");

/** The crc32 (IEEE 802.3) of bytes that follow others whose crc32 is `before`. 4.4 GB/s a thread; 0 for everything where it is measured without. */
export const crc32: (bytes: Uint8Array, before?: number) => number = checksums ? nativeCrc32 : () => 0;
