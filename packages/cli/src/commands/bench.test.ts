import { describe, expect, it } from "vitest";
import { exitCodes } from "../exit-codes.js";
import { runMain } from "../testing/run-main.js";

describe("bench refuses, before it does anything,", () => {
  it.each([
    [
      "a mode that there is not",
      ["--mode", "full,quick"],
      /--mode full,quick: expected some of full, overlay, streamed, optimized, warm/,
    ],
    ["no mode at all", ["--mode", ""], /expected some of full/],
    ["two conditions for ready", ["--ready-line", "x", "--ready-http", "http://127.0.0.1/"], /exclude each other/],
    ["a URL that is none", ["--ready-http", "127.0.0.1:80"], /expected a URL that starts with http:\/\//],
    ["a rate without a unit", ["--rate", "fast"], /--rate/],
    ["a time without a unit", ["--rtt", "20 parsecs"], /--rtt/],
    ["no runs", ["--runs", "0"], /--runs/],
  ])("%s", async (_what, flags, message) => {
    const { exitCode, stdout, stderr } = await runMain(["bench", "127.0.0.1:1/app:1", ...flags]);
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
    expect(exitCode).toBe(exitCodes.usage);
  });

  it("a caller who is not root, naming the cure", async () => {
    const { exitCode, stderr } = await runMain(["bench", "127.0.0.1:1/app:1"]);
    expect(stderr).toMatch(/this machine lacks root: run it with sudo/);
    expect(exitCode).toBe(exitCodes.failed);
  });
});

describe("demo refuses", () => {
  it.each([
    ["--rate", "0"],
    ["--rtt", "soon"],
    ["--runs", "many"],
  ])("%s %s", async (flag, value) => {
    const { exitCode, stderr } = await runMain(["demo", flag, value]);
    expect(stderr).toContain(flag);
    expect(exitCode).toBe(exitCodes.usage);
  });
});
