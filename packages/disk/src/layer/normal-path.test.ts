import { describe, expect, it } from "vitest";
import { pathFault } from "./normal-path.js";

const fault = (path: string): string | undefined => pathFault(Buffer.from(path, "latin1"));

describe("a path is in normal form", () => {
  it.each(["", "a", "usr/bin/env", "..a", "a..", ".hidden", "...", "\xff\xfe/\x01", `${"n".repeat(255)}/x`])(
    "when it is %j",
    (path) => expect(fault(path)).toBeUndefined(),
  );
  it("when it has 4095 bytes", () => expect(fault(`${"abcd/".repeat(819).slice(0, 4094)}e`)).toBeUndefined());
});

describe("a path is not in normal form", () => {
  it.each([
    ["/a", "an empty component"],
    ["a/", "an empty component"],
    ["a//b", "an empty component"],
    ["/", "an empty component"],
    ["./a", "a component . or .."],
    ["a/..", "a component . or .."],
    ["..", "a component . or .."],
    ["a\0b", "a NUL"],
    ["x".repeat(256), "a component longer than 255 bytes"],
    ["abcd/".repeat(820), "longer than 4095 bytes"],
  ])("when it is %j", (path, reason) => expect(fault(path)).toBe(reason));

  it("looks at the given range only", () => {
    expect(pathFault(Buffer.from("//a/b//"), 2, 5)).toBeUndefined();
    expect(pathFault(Buffer.from("//a/b//"), 1, 5)).toBe("an empty component");
  });
});
