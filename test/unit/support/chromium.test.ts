import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findBrowser } from "../../support/chromium.js";

/** The browser of the tests is found, installed or done without, and nothing hangs. */
let bin = "";
const script = (name: string, text: string) => {
  writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(bin, name), 0o755);
};
const warnings: string[] = [];
const listen = (warning: Error) => void warnings.push(warning.message);

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "millrace-browser-"));
  mkdirSync(bin, { recursive: true });
  warnings.length = 0;
  process.on("warning", listen);
});
afterEach(() => {
  process.off("warning", listen);
  rmSync(bin, { recursive: true, force: true });
});

const find = async (limitMs = 5_000, isRoot = true) => {
  const found = findBrowser({ PATH: bin }, limitMs, isRoot);
  await new Promise((done) => setImmediate(done));
  return found;
};

describe("the browser of the tests", () => {
  it("is taken where there is one", async () => {
    script("google-chrome", "exit 0");
    expect(await find()).toBe("google-chrome");
    expect(warnings).toEqual([]);
  });

  it("is installed where it is missing", async () => {
    script(
      "apt-get",
      `echo "$@" >> ${bin}/calls; [ "$1" = install ] && { echo '#!/bin/sh' > ${bin}/chromium; /bin/chmod +x ${bin}/chromium; }; exit 0`,
    );
    expect(await find()).toBe("chromium");
    expect(readFileSync(join(bin, "calls"), "utf8")).toBe("update\ninstall -y --no-install-recommends chromium\n");
    expect(warnings).toEqual([]);
  });

  it("is done without where it cannot be installed, with the reason", async () => {
    expect(await find()).toBeNull();
    expect(await find(5_000, false)).toBeNull();
    script("apt-get", "exit 100");
    expect(await find()).toBeNull();
    expect(warnings.map((text) => text.replace("no Chromium on this machine, and ", ""))).toEqual([
      "there is no apt-get to install it with: the page is not opened in a browser",
      "only root may install it (apt-get install chromium): the page is not opened in a browser",
      "apt-get update failed with 100: the page is not opened in a browser",
    ]);
  });

  it("never waits longer than its limit", async () => {
    script("apt-get", "exec /bin/sleep 60");
    const before = Date.now();
    expect(await find(300)).toBeNull();
    expect(Date.now() - before).toBeLessThan(5_000);
    expect(warnings[0]).toContain("apt-get update did not end in time");
  });
});
