/** Damaged inputs for each target. Longer: SLUICE_FUZZ_RUNS=1000000. */
export const fuzzRuns: number = Number(process.env["SLUICE_FUZZ_RUNS"] ?? "2000");
const seedText = process.env["SLUICE_FUZZ_SEED"] ?? "1";
/** The same damage each time unless SLUICE_FUZZ_SEED says otherwise; `random` takes the clock. */
export const fuzzSeed: number = seedText === "random" ? Date.now() % 2 ** 32 : Number(seedText);
