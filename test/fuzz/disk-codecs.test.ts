import { fuzzCodec, fuzzTargets } from "@sluice/disk/testing";
import { describe, expect, it } from "vitest";
import { fuzzRuns, fuzzSeed } from "./fuzz-runs.js";

const targets = await fuzzTargets();

describe(`damaged input, ${fuzzRuns} runs from seed ${fuzzSeed}`, () => {
  it.each(targets)(
    "of a $name is refused by name or decodes to what it says",
    { timeout: 100 * fuzzRuns + 60_000 },
    async (target) => {
      const outcome = await fuzzCodec(target, fuzzRuns, fuzzSeed);
      expect(outcome.refused + outcome.accepted).toBe(fuzzRuns);
    },
  );
});
