import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { OpeningWithReadAhead } from "./opening-with-read-ahead.js";

const device = () => {
  const state = { bytes: 131_072, isBroken: false };
  const set = async (target: string, sizeBytes: number): Promise<void> => {
    expect(target).toBe("/session");
    await setImmediate();
    if (state.isBroken) throw new Error("read-only file system");
    state.bytes = sizeBytes;
  };
  return { state, opening: new OpeningWithReadAhead("/session", 131_072, set) };
};

describe("a file that is opened with another read-ahead", () => {
  it("finds a page of it on the device, which has its own again afterwards, also when it could not be opened", async () => {
    const { state, opening } = device();
    expect(await opening.around("none", async () => state.bytes)).toBe(4096);
    expect(state.bytes).toBe(131_072);
    await expect(opening.around("none", () => Promise.reject(new Error("no such file")))).rejects.toThrow(
      "no such file",
    );
    expect(state.bytes).toBe(131_072);
  });

  it("finds so as long as it takes, whoever else is done before", async () => {
    const { state, opening } = device();
    let finish: () => void = () => undefined;
    const slow = opening.around("none", async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return state.bytes;
    });
    await opening.around("none", async () => undefined);
    expect(state.bytes).toBe(4096);
    finish();
    expect(await slow).toBe(4096);
    expect(state.bytes).toBe(131_072);
  });

  it("finds a long one where all of it is in the store, unless another one that is opened wants none", async () => {
    const { state, opening } = device();
    expect(await opening.around("wide", async () => state.bytes)).toBe(1024 * 1024);
    expect(state.bytes).toBe(131_072);
    const both = opening.around("wide", () => opening.around("none", async () => state.bytes));
    expect(await both).toBe(4096);
    expect(state.bytes).toBe(131_072);
  });

  it("is opened all the same where the kernel does not let it be set", async () => {
    const { state, opening } = device();
    state.isBroken = true;
    expect(await opening.around("none", async () => "opened")).toBe("opened");
  });
});
