import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RegistryError } from "../registry/registry-error.js";
import { parseRoute } from "./route.js";

const digest = `sha256:${"0".repeat(64)}`;

describe("a path below /v2/", () => {
  it.each([
    ["", { kind: "base" }],
    ["_catalog", { kind: "catalog" }],
    ["a/b/c/tags/list", { kind: "tags", repository: "a/b/c" }],
    ["a/manifests/1.0", { kind: "manifest", repository: "a", reference: { kind: "tag", tag: "1.0" } }],
    [`a/manifests/${digest}`, { kind: "manifest", repository: "a", reference: { kind: "digest", digest } }],
    [`a/blobs/${digest}`, { kind: "blob", repository: "a", digest }],
    ["a/blobs/uploads/", { kind: "uploads", repository: "a" }],
    ["a/blobs/uploads", { kind: "uploads", repository: "a" }],
    ["a/blobs/uploads/x-1", { kind: "upload", repository: "a", id: "x-1" }],
    [`a/referrers/${digest}`, { kind: "referrers", repository: "a", subject: digest }],
    [
      "manifests/tags/manifests/tags",
      { kind: "manifest", repository: "manifests/tags", reference: { kind: "tag", tag: "tags" } },
    ],
    ["blobs/blobs/uploads/", { kind: "uploads", repository: "blobs" }],
  ])("%s is understood", (path, route) => {
    expect(parseRoute(path)).toEqual(route);
  });

  it.each(["a", "a/b", "a/manifests/", "a/tags", "/tags/list", "_other"])("%s is none of ours", (path) => {
    expect(parseRoute(path)).toBeUndefined();
  });

  it.each([
    ["../etc/tags/list", "NAME_INVALID"],
    ["a//b/tags/list", "NAME_INVALID"],
    ["A/tags/list", "NAME_INVALID"],
    [`${"a".repeat(256)}/tags/list`, "NAME_INVALID"],
    ["a/manifests/..", "MANIFEST_INVALID"],
    ["a/manifests/.hidden", "MANIFEST_INVALID"],
    [`a/manifests/${"t".repeat(129)}`, "MANIFEST_INVALID"],
    ["a/manifests/sha256:12", "DIGEST_INVALID"],
    ["a/blobs/sha512:0000", "DIGEST_INVALID"],
    [`a/blobs/sha256:${"A".repeat(64)}`, "DIGEST_INVALID"],
    ["a/referrers/latest", "DIGEST_INVALID"],
  ])("%s is refused", (path, code) => {
    expect(() => parseRoute(path)).toThrow(expect.objectContaining({ code }));
  });

  it("never yields a name that is a path of the file system", () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom("tags/list", "blobs/uploads/", "manifests/x"), (name, end) => {
        try {
          const route = parseRoute(`${name}/${end}`);
          if (route === undefined || !("repository" in route)) return;
          expect(route.repository).not.toMatch(/^\/|\/$|\/\/|(^|\/)\.\.?(\/|$)|[\0\\]/);
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError);
        }
      }),
    );
  });
});
