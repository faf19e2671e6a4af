import { type Artifact, type ArtifactSource, annotation } from "./artifact.js";
import { InvalidArtifactError } from "./invalid-artifact-error.js";
import { nameOf } from "./parse-artifact.js";

/** Whether the artifact says of itself that it was made of this image, layer by layer. @throws {InvalidArtifactError} */
export function requireFit(artifact: Artifact, { manifest, diffIds }: ArtifactSource): void {
  const name = nameOf(artifact);
  if (artifact.subject !== manifest.digest) {
    throw new InvalidArtifactError(`${name}: its subject is ${artifact.subject}, the image is ${manifest.digest}`);
  }
  const { layers } = artifact;
  if (layers.length !== manifest.layers.length) {
    const problem = `${layers.length} layer blobs for an image of ${manifest.layers.length} layers`;
    throw new InvalidArtifactError(`${name}: ${problem}`);
  }
  for (const [i, { source, diffId }] of layers.entries()) {
    const what = `${name}: layer blob ${i}`;
    requireSame(what, annotation.layerSource, source, manifest.layers[i]?.digest);
    requireSame(what, annotation.layerDiffId, diffId, diffIds[i]);
  }
}

function requireSame(what: string, key: string, actual: string, expected: string | undefined): void {
  if (actual === expected) return;
  throw new InvalidArtifactError(`${what}: ${key} is ${actual}, the image's is ${expected ?? "missing"}`);
}
