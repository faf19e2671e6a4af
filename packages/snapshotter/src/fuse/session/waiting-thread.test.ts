import { describe, expect, it } from "vitest";
import { isDying, isDyingStatus } from "./waiting-thread.js";

const sigterm = "0000000000004000";
const status = (masks: Readonly<Record<string, string>>): string =>
  ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"].map((name) => `${name}:\t${masks[name] ?? "0"}`).join("\n");

describe("isDyingStatus", () => {
  it("sees SIGKILL, whatever is said of it", () => {
    expect(isDyingStatus(status({ SigPnd: "100", SigCgt: "100" }))).toBe(true);
  });

  it("sees a signal that nothing keeps from ending the process", () => {
    expect(isDyingStatus(status({ ShdPnd: sigterm }))).toBe(true);
  });

  it.each(["SigBlk", "SigIgn", "SigCgt"])("does not count a signal that %s has", (name) => {
    expect(isDyingStatus(status({ ShdPnd: sigterm, [name]: sigterm }))).toBe(false);
  });

  it("does not count SIGURG, SIGCHLD and SIGWINCH, which end nobody", () => {
    expect(isDyingStatus(status({ SigPnd: "400000", ShdPnd: "8010000" }))).toBe(false);
  });

  it("knows that this process lives, and takes one that is gone for dying", async () => {
    expect(await isDying(process.pid)).toBe(false);
    expect(await isDying(2 ** 30)).toBe(true);
  });

  it("takes a thread that it cannot see, number 0, for living", async () => {
    expect(await isDying(0)).toBe(false);
  });
});
