import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTestWorld } from "../testing/run-main.js";
import { loadSettings } from "./settings.js";

describe("the node's keys", () => {
  it("refuse a variable out of range, naming it", async () => {
    await using world = await createTestWorld({ SLUICE_FETCH_PARALLEL: "many" });
    await expect(loadSettings({ tree: {} }, world.surroundings)).rejects.toThrow(/SLUICE_FETCH_PARALLEL=many: /);
  });

  it("read numbers, truth values and lists from variables", async () => {
    await using world = await createTestWorld({
      SLUICE_FETCH_PARALLEL: "4",
      SLUICE_BACKGROUND_ENABLED: "true",
      SLUICE_STORE_BUDGET: "20GiB",
      SLUICE_TRUST_PINS: `sha256:${"0".repeat(64)},sha256:${"1".repeat(64)}`,
    });
    const { tree } = await loadSettings({ tree: {} }, world.surroundings);
    expect(tree).toEqual({
      fetch: { parallel: 4 },
      background: { enabled: true },
      store: { budget: "20GiB" },
      trust: { pins: [`sha256:${"0".repeat(64)}`, `sha256:${"1".repeat(64)}`] },
    });
  });

  it("are checked in the file, naming the line", async () => {
    await using world = await createTestWorld();
    const folder = join(world.folder, "config/sluice");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.yaml"), "# node\nstore:\n  budget: lots\n");
    await expect(loadSettings({ tree: {} }, world.surroundings)).rejects.toThrow(
      /config\.yaml:3: store\.budget: expected a size/,
    );
  });
});
