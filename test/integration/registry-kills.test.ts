import { expect, it } from "vitest";
import { runKills } from "../support/kills/run-kills.js";

// Longer runs of the same code: node test/bench/run.js registry-kills --kills 100 --seed S
const seed = Number(process.env["SLUICE_KILLS_SEED"] ?? 1);

it("a registry that is killed at random moments loses nothing that it acknowledged, shows nothing half, and ends every operation", async () => {
  const { complaints, acknowledged, operations } = await runKills({ seed, kills: 4 });
  expect(complaints).toEqual([]);
  expect(acknowledged).toBeGreaterThan(50);
  expect(operations).toBeGreaterThan(0);
});
