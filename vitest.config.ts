import { accessSync, constants } from "node:fs";
import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";

/** Whether real mounts can be made here. What cannot run is one skipped test that says why. */
function canMount(): boolean {
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

// pnpm's launcher of vitest sets it, and no user has it: with it, programs that tests start find packages that they would not find otherwise.
Reflect.deleteProperty(process.env, "NODE_PATH");

const kernelTests = canMount() ? "test/kernel/**/*.test.ts" : "test/support/no-kernel-tests.test.ts";
const containerdTests = canMount() ? "test/containerd/**/*.test.ts" : "test/support/no-containerd-tests.test.ts";

// Takes minutes and compares two snapshotters: runs when it is asked for (CONTRIBUTING.md).
const askedFor = process.env["SLUICE_CRITEST"] === "1" ? [] : ["test/containerd/critest.test.ts"];

// By default a machine of two processors uses one of them.
const maxWorkers = Math.max(2, availableParallelism() - 1);

// unit: beside the source, parallel, no network but loopback, no root. browser: the web page in chromium. kernel: real mounts, root, one file at a time. containerd: the same, with Go and containerd.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "integration",
          maxWorkers,
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "browser",
          maxWorkers,
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], testTimeout: 300_000, sequence: { groupOrder: 2 } },
      },
      {
        test: {
          name: "kernel",
          include: [kernelTests],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: "containerd",
          include: [containerdTests],
          exclude: [...configDefaults.exclude, ...askedFor],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
