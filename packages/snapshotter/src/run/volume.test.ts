import { describe, expect, it } from "vitest";
import { checkVolume, InvalidVolumeError, parseVolume } from "./volume.js";

describe("a volume", () => {
  it("names a host path, a container path, and whether it may be written", () => {
    expect(parseVolume("/a:/b", "/cwd")).toEqual({ source: "/a", destination: "/b", readOnly: false });
    expect(parseVolume("/a:/b:rw", "/cwd").readOnly).toBe(false);
    expect(parseVolume("/a:/b:ro", "/cwd").readOnly).toBe(true);
  });

  it("is relative to where the caller stands", () => {
    expect(parseVolume("./data:/b", "/cwd").source).toBe("/cwd/data");
  });

  it.each(["/a", "/a:", ":/b", "/a:b", "/a:/b:rx", "/a:/b:ro:z"])("is refused as %j", (text) => {
    expect(() => parseVolume(text, "/")).toThrow(InvalidVolumeError);
  });

  it("is refused when its source is missing, rather than made", async () => {
    await expect(checkVolume(parseVolume("/no/such/folder:/b", "/"))).rejects.toThrow(/create it first/);
    await checkVolume(parseVolume("/:/b", "/"));
  });
});
