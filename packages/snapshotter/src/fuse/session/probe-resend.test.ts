import { describe, expect, it } from "vitest";
import { isNewEnough, probeResend } from "./probe-resend.js";

describe("the probe for requests that are sent again", () => {
  it.each([
    ["6.9.0", true],
    ["6.18.5-amd64", true],
    ["7.0", true],
    ["6.8.12", false],
    ["5.15.0-100-generic", false],
    ["nonsense", false],
  ])("takes Linux %s for %s where it cannot ask", (release, expected) => {
    expect(isNewEnough(release)).toBe(expected);
  });

  it("says what becomes of reads in flight, and leaves nothing behind", async () => {
    const { ok, detail } = await probeResend();
    expect(detail).toMatch(ok ? /answered late/ : /fail/);
  });
});
