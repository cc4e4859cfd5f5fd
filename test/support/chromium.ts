import { spawnSync } from "node:child_process";

/** What an installation may take. */
const installMs = 150_000;
const names = ["chromium", "chromium-browser", "google-chrome"];

type Environment = NodeJS.ProcessEnv;

/**
 * A browser on this machine. Where there is none, Debian's package is installed if this process may do that (root, with apt-get); null where it cannot be
 * had, which the test that wanted it tells and is skipped. Ends within the time limit, whatever the package manager does.
 */
export function findBrowser(
  env: Environment = process.env,
  limitMs = installMs,
  isRoot = process.getuid?.() === 0,
): string | null {
  const found = installed(env);
  if (found !== null) return found;
  const why = install(env, limitMs, isRoot) ?? "its package has no browser";
  const now = installed(env);
  if (now === null) process.emitWarning(`no Chromium on this machine, and ${why}: the page is not opened in a browser`);
  return now;
}

const installed = (env: Environment): string | null =>
  names.find((name) => spawnSync(name, ["--version"], { env, timeout: 20_000 }).status === 0) ?? null;

/** null once it is done; else why not. */
function install(env: Environment, limitMs: number, isRoot: boolean): string | null {
  if (!isRoot) return "only root may install it (apt-get install chromium)";
  const until = Date.now() + limitMs;
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium"]]) {
    const { error, status, signal } = spawnSync("apt-get", args, {
      // Never asks, and gives up on a network that does not answer.
      env: { ...env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: "ignore",
      timeout: Math.max(1, until - Date.now()),
      killSignal: "SIGKILL",
    });
    if (error !== undefined && "code" in error && error.code === "ENOENT") return "there is no apt-get to install it with";
    if (signal !== null || error !== undefined) return `apt-get ${args[0]} did not end in time`;
    if (status !== 0) return `apt-get ${args[0]} failed with ${status}`;
  }
  return null;
}
