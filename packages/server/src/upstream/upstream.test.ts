import { describe, expect, it } from "vitest";
import { parseUpstream, parseUpstreams } from "./upstream.js";

describe("an upstream", () => {
  it.each([
    ["hub=registry.example.com", { prefix: "hub", host: "registry.example.com", path: "", plainHttp: undefined }],
    ["hub=http://10.0.0.7:5000/", { prefix: "hub", host: "10.0.0.7:5000", path: "", plainHttp: true }],
    ["a-b=https://[::1]:5000/team/x", { prefix: "a-b", host: "[::1]:5000", path: "team/x", plainHttp: false }],
  ])("is named by %s", (text, upstream) => {
    expect(parseUpstream(text)).toEqual(upstream);
  });

  it.each([
    "registry.example.com",
    "=registry.example.com",
    "Hub=registry.example.com",
    "a/b=registry.example.com",
    "hub=user:secret@registry.example.com",
    "hub=ftp://registry.example.com",
    "hub=registry.example.com/Team",
    "hub=registry.example.com/a?b",
    "hub=",
  ])("is not named by %s", (text) => {
    expect(() => parseUpstream(text)).toThrow("expected PREFIX=HOST");
  });

  it("has a prefix of its own", () => {
    expect(() => parseUpstreams(["hub=a", "hub=b"])).toThrow("upstream hub: named twice");
  });
});
