import { tarFuzzTargets } from "@sluice/converter/testing";
import { fuzzCodec } from "@sluice/disk/testing";
import { describe, expect, it } from "vitest";
import { fuzzRuns, fuzzSeed } from "./fuzz-runs.js";

const targets = await tarFuzzTargets();
/** More than the archives and what the test itself holds; a map or a name that is believed would take gigabytes. Bytes. */
const maxGrowthBytes = 400 * 1024 * 1024;

describe(`damaged archives, ${fuzzRuns} runs from seed ${fuzzSeed}`, () => {
  it.each(targets)(
    "of $name are refused by name or read to the last byte",
    { timeout: 100 * fuzzRuns + 60_000 },
    async (target) => {
      const before = process.memoryUsage.rss();
      const outcome = await fuzzCodec(target, fuzzRuns, fuzzSeed);
      expect(outcome.refused).toBeGreaterThan(fuzzRuns / 20);
      expect(outcome.accepted).toBeGreaterThan(0);
      expect(process.memoryUsage.rss() - before).toBeLessThan(maxGrowthBytes);
    },
  );

  it.each(targets)("none at all: $name is accepted", async (target) => {
    const { first, again } = await target.roundTrip(target.seed);
    expect(again).toBe(first);
  });
});
