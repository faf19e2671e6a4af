import {
  createImageManifest,
  type Descriptor,
  emptyDescriptor,
  type ImageManifest,
  InvalidDocumentError,
  sha256Of,
} from "@sluice/oci";
import { describe, expect, it } from "vitest";
import { type ArtifactLayer, parseArtifact } from "./artifact.js";
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
      const artifact = parseArtifact(manifest, "test");
      expect(artifact).toMatchObject({ digest: manifest.digest, subject: subject.digest, layers: parts.layers });
      expect(artifact.metadata).toEqual(parts.metadata);
      expect(artifact.startup).toEqual(startup);
      expect(artifact.sizeBytes).toBe(manifest.bytes.byteLength + 10 * (startup ? 5 : 4));
    }
  });

  it("is the same for equal parts", () => {
    expect(artifactManifest(subject, parts).digest).toBe(artifactManifest(subject, parts).digest);
  });

  const good = artifactManifest(subject, parts);
  const changed = (change: Partial<ImageManifest>): ImageManifest => ({ ...good, ...change });
  const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });
  it.each([
    ["another artifact type", changed({ artifactType: "application/x" }), /artifact type application\/x/],
    ["another format version", changed({ annotations: { "dev.sluice.format.version": "2" } }), /format version 2/],
    ["no subject", changed({ subject: undefined }), /no subject/],
    ["no TOC", changed({ layers: good.layers.slice(1) }), /first blob is no TOC/],
    ["no metadata", changed({ layers: good.layers.slice(0, 1) }), /second blob is no metadata/],
    ["a layer without annotations", changed({ layers: good.layers.map(bare) }), /is no size|is no digest/],
  ])("is refused with %s", (_, manifest, message) => {
    expect(() => parseArtifact(manifest, "test")).toThrow(InvalidDocumentError);
    expect(() => parseArtifact(manifest, "test")).toThrow(message);
  });
});
