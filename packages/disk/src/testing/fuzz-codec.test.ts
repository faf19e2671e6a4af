import { describe, expect, it } from "vitest";
import { InvalidFormatError } from "../invalid-format-error.js";
import { type FuzzTarget, fuzzCodec } from "./fuzz-codec.js";
import { fuzzTargets } from "./fuzz-targets.js";

const targets = await fuzzTargets();

describe("damaged input", () => {
  it.each(targets)("of a $name is refused by name or decodes to what it says", async (target) => {
    const { refused, accepted } = await fuzzCodec(target, 400, 1);
    expect(refused + accepted).toBe(400);
    expect(refused).toBeGreaterThan(100);
  });

  it.each(targets)("none at all: the $name of the sample is accepted", async (target) => {
    const { first, again } = await target.roundTrip(target.seed);
    expect(again).toBe(first);
  });
});

describe("the fuzz driver", () => {
  const target = (roundTrip: FuzzTarget["roundTrip"]): FuzzTarget => ({
    name: "test",
    seed: new Uint8Array(9),
    roundTrip,
  });

  it("reports an error of another class with its seed and input", async () => {
    const broken = target(async () => {
      throw new TypeError("undefined is not a function");
    });
    await expect(fuzzCodec(broken, 1, 77)).rejects.toThrow(/test, seed 77, run 0, input [0-9a-f]*: TypeError/);
  });

  it("reports a value that does not survive", async () => {
    await expect(
      fuzzCodec(
        target(async () => ({ first: "a", again: "b" })),
        1,
        1,
      ),
    ).rejects.toThrow(/something else/);
  });

  it("damages the same way for the same seed", async () => {
    const inputs = async (): Promise<string[]> => {
      const seen: string[] = [];
      const noting = target(async (input) => {
        seen.push(Buffer.from(input).toString("hex"));
        throw new InvalidFormatError("test", "all", "nothing", "something");
      });
      await fuzzCodec(noting, 20, 5);
      return seen;
    };
    expect(await inputs()).toEqual(await inputs());
    expect(new Set(await inputs()).size).toBeGreaterThan(15);
  });
});
