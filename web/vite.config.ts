/**
 * Settings for the tests alone; what is built, and where it goes, stands in build.ts.
 * Tests run in Node; a test that needs a document says so in its first line (`@vitest-environment happy-dom`).
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    environment: "node",
    restoreMocks: true,
    // For hangs, not for speed.
    testTimeout: 120_000,
  },
});
