/** Reads a small system file; null where there is none. */
export type ReadText = (path: string) => string | null;

/**
 * Memory limits of the control groups that a process is in, in bytes: its own group's and those of all groups around it, since each of
 * them ends a process that goes over. Version 2 (`memory.max`) and version 1 (`memory.limit_in_bytes`, where "no limit" is a number near 2^63);
 * see cgroups(7). Empty where there are none.
 */
export function controlGroupLimits(read: ReadText): number[] {
  const limits = new Map<string, number>();
  const look = (file: string): void => {
    const limit = Number(read(file)?.trim() || Number.NaN);
    if (Number.isFinite(limit) && limit > 0) limits.set(file, limit);
  };
  // A container often sees its own group as the root.
  look("/sys/fs/cgroup/memory.max");
  look("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const unified = controllers === "";
    if (!unified && !controllers.split(",").includes("memory")) continue;
    for (const group of groupsAround(path)) {
      look(unified ? `/sys/fs/cgroup${group}/memory.max` : `/sys/fs/cgroup/memory${group}/memory.limit_in_bytes`);
    }
  }
  return [...limits.values()];
}

/** `/a/b`, `/a`. */
function groupsAround(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, i) => `/${parts.slice(0, parts.length - i).join("/")}`);
}
