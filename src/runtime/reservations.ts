import { resourceError } from "../common/errors.js";
import { formatBytes } from "./bytes.js";

/** Memory that somebody holds, as long as it is not `released`. */
export interface Reservation {
  readonly name: string;
  bytes: number;
}

/**
 * The memory of a thread that is no JavaScript heap: who holds how much of it, by name, and how much all of them may hold together. It decides whether a
 * task can go on, never what it gives.
 */
export class Reservations {
  #most = Number.POSITIVE_INFINITY;
  #taken = 0;
  #peak = 0;
  readonly #held = new Set<Reservation>();

  /** `most`: bytes that may be held together from now on. */
  limit(most: number): void {
    this.#most = most;
  }

  /** Bytes that are held. */
  get taken(): number {
    return this.#taken;
  }

  /** The most bytes that were held together. */
  get peak(): number {
    return this.#peak;
  }

  open(name: string, bytes: number): Reservation {
    const made = { name, bytes: 0 };
    this.grow(made, bytes);
    return made;
  }

  /** Whether so many bytes more may be held. */
  has(bytes: number): boolean {
    return this.#taken + bytes <= this.#most;
  }

  /** @throws MillraceError Resource/OUT_OF_MEMORY */
  grow(reservation: Reservation, bytes: number): void {
    if (!this.has(bytes)) throw this.#exhausted(reservation, bytes);
    this.#held.add(reservation);
    reservation.bytes += bytes;
    this.#taken += bytes;
    this.#peak = Math.max(this.#peak, this.#taken);
  }

  /** Gives all of it back. */
  release(reservation: Reservation): void {
    if (!this.#held.delete(reservation)) return;
    this.#taken -= reservation.bytes;
    reservation.bytes = 0;
  }

  #exhausted({ name }: Reservation, bytes: number) {
    const all = new Map<string, number>();
    for (const one of this.#held) all.set(one.name, (all.get(one.name) ?? 0) + one.bytes);
    const held = [...all].filter(([, size]) => size > 0).map(([who, size]) => `${who} ${formatBytes(size)}`);
    return resourceError(
      "OUT_OF_MEMORY",
      `${name}: ${formatBytes(bytes)} more are needed; of the ${formatBytes(this.#most)} that a worker's kernels may hold, ${formatBytes(this.#taken)} are taken: ${held.join(", ")}`,
      {
        hint: "Raise `memory`, or lower `workers`: each worker's kernels may hold `memory` divided by `workers`, and at least 512 MiB.",
      },
    );
  }
}

/** Those of this thread. */
export const threadReservations = new Reservations();
