import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/properties.ts"],
    testTimeout: 180_000,
    hookTimeout: 360_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
