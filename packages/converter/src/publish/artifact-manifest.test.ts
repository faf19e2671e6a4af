import { type ArtifactLayer, parseArtifact } from "@sluice/disk/artifact";
import { createImageManifest, type Descriptor, emptyDescriptor, parseManifest, sha256Of } from "@sluice/oci";
import { describe, expect, it } from "vitest";
import { artifactManifest } from "./artifact-manifest.js";

const subject = createImageManifest({ config: emptyDescriptor, layers: [] });
const blob = (name: string) => ({ digest: sha256Of(name), sizeBytes: 10, footerDigest: sha256Of(`footer of ${name}`) });
const layer = (name: string): ArtifactLayer => ({
  ...blob(name),
  source: sha256Of(`source of ${name}`),
  diffId: sha256Of(`tar of ${name}`),
  uncompressedBytes: 4096,
});
const parts = { toc: blob("toc"), metadata: blob("metadata"), layers: [layer("a"), layer("b"), layer("a")] };

describe("an artifact's manifest", () => {
  it("says everything that parsing gives back, with a startup blob or without", () => {
    for (const startup of [undefined, blob("startup")]) {
      const manifest = artifactManifest(subject, { ...parts, startup });
      const artifact = parseArtifact(manifest);
      expect(artifact).toMatchObject({ digest: manifest.digest, subject: subject.digest, layers: parts.layers });
      expect(artifact.metadata).toEqual(parts.metadata);
      expect(artifact.startup).toEqual(startup);
      expect(artifact.sizeBytes).toBe(manifest.bytes.byteLength + 10 * (startup ? 5 : 4));
    }
  });

  it("is the same for equal parts", () => {
    expect(artifactManifest(subject, parts).digest).toBe(artifactManifest(subject, parts).digest);
  });

  it("carries a TOC that is small, and not a larger one", () => {
    const tocOf = (sizeBytes: number): Descriptor["data"] => {
      const bytes = Buffer.alloc(sizeBytes, 7);
      const toc = { digest: sha256Of(bytes), sizeBytes, bytes };
      const manifest = parseManifest(artifactManifest(subject, { ...parts, toc }).bytes, "test");
      return manifest.kind === "image" ? parseArtifact(manifest).toc.data : undefined;
    };
    expect(tocOf(524_288)).toEqual(Buffer.alloc(524_288, 7));
    expect(tocOf(524_289)).toBeUndefined();
  });
});
