import { fuzzCodec, fuzzTargets } from "@sluice/disk/testing";
import { describe, expect, it } from "vitest";

/** Damaged inputs for each decoder. Longer: SLUICE_FUZZ_RUNS=1000000. */
const runs = Number(process.env["SLUICE_FUZZ_RUNS"] ?? "2000");
/** The same damage each time unless SLUICE_FUZZ_SEED says otherwise; `random` takes the clock. */
const seedText = process.env["SLUICE_FUZZ_SEED"] ?? "1";
const seed = seedText === "random" ? Date.now() % 2 ** 32 : Number(seedText);

const targets = await fuzzTargets();

describe(`damaged input, ${runs} runs from seed ${seed}`, () => {
  it.each(targets)(
    "of a $name is refused by name or decodes to what it says",
    { timeout: 100 * runs + 60_000 },
    async (target) => {
      const outcome = await fuzzCodec(target, runs, seed);
      expect(outcome.refused + outcome.accepted).toBe(runs);
    },
  );
});
