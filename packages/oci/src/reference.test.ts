import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256Of } from "./digest/digest.js";
import { formatReference, InvalidReferenceError, parseReference, targetOf } from "./reference.js";

const digest = sha256Of("x");

describe("parseReference", () => {
  it.each([
    ["localhost:5000/app", { host: "localhost:5000", repository: "app" }],
    ["127.0.0.1:5000/a/b:v1", { host: "127.0.0.1:5000", repository: "a/b", tag: "v1" }],
    ["[::1]:5000/a:v1", { host: "[::1]:5000", repository: "a", tag: "v1" }],
    [`ghcr.io/a/b:v1@${digest}`, { host: "ghcr.io", repository: "a/b", tag: "v1", digest }],
    ["nginx", { host: "docker.io", repository: "library/nginx" }],
    ["team/app:1", { host: "docker.io", repository: "team/app", tag: "1" }],
    ["index.docker.io/nginx", { host: "docker.io", repository: "library/nginx" }],
    ["GHCR.io/a", { host: "ghcr.io", repository: "a" }],
  ])("reads %s", (text, expected) => {
    expect(parseReference(text)).toEqual({ kind: "registry", ...expected });
  });

  it("puts names without a host into the default registry", () => {
    expect(parseReference("app:v1", { defaultRegistry: "localhost:5000" })).toEqual({
      kind: "registry",
      host: "localhost:5000",
      repository: "app",
      tag: "v1",
    });
  });

  it.each([
    ["oci:/a/b", { directory: "/a/b" }],
    ["oci:dir:v1", { directory: "dir", tag: "v1" }],
    ["oci:/a:b/c", { directory: "/a:b/c" }],
    ["oci:/home/me@work/c:v1", { directory: "/home/me@work/c", tag: "v1" }],
    [`oci:dir@${digest}`, { directory: "dir", digest }],
  ])("reads the layout %s", (text, expected) => {
    expect(parseReference(text)).toEqual({ kind: "layout", ...expected });
  });

  it.each([
    "",
    ":v1",
    "@",
    "host:99999/a",
    "host:0/a",
    "localhost/A",
    "a//b",
    "localhost/../b",
    "localhost/a:",
    "localhost/a:b c",
    "localhost/a@sha256:12",
    "http://host/a",
    "-host.io/a",
    "Host/a",
    "oci:",
    "oci::v1",
    "oci:dir:b c",
    "oci:dir@sha256:1",
    "a".repeat(5000),
  ])("refuses %j and says what is wrong", (text) => {
    expect(() => parseReference(text)).toThrow(InvalidReferenceError);
  });

  it("never throws anything else, and what it accepts formats back to the same reference", () => {
    const part = fc.stringMatching(/^[a-zA-Z0-9._:/@[\]-]{0,30}$/);
    fc.assert(
      fc.property(fc.oneof(part, fc.string()), (text) => {
        try {
          const reference = parseReference(text);
          expect(parseReference(formatReference(reference))).toEqual(reference);
        } catch (error) {
          if (!(error instanceof InvalidReferenceError)) throw error;
        }
      }),
    );
  });

  it("asks for the digest before the tag, and for latest without either", () => {
    expect(targetOf(parseReference(`a:v1@${digest}`))).toBe(digest);
    expect(targetOf(parseReference("a:v1"))).toBe("v1");
    expect(targetOf(parseReference("a"))).toBe("latest");
  });
});
