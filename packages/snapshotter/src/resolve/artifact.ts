import {
  type Descriptor,
  type Digest,
  type ImageManifest,
  isDigest,
  ociMediaTypes,
  sluiceMediaTypes,
} from "@sluice/oci";
import { NotStreamableError } from "./not-streamable.js";

/** A streaming artifact whose manifest is of the form of docs/format.md §6 and belongs to the source image. Its blobs are not looked at yet. */
export interface StreamingArtifact {
  readonly manifest: ImageManifest;
  readonly toc: Descriptor;
  readonly metadata: Descriptor;
  readonly startup: Descriptor | undefined;
  /** One per source layer, in the image's order. */
  readonly layers: readonly Descriptor[];
}

const formatVersion = "1";
const annotation = {
  version: "dev.sluice.format.version",
  footer: "dev.sluice.footer.digest",
  source: "dev.sluice.layer.source",
  diffId: "dev.sluice.layer.diff-id",
} as const;

/** What the artifact must fit. */
export interface ArtifactSource {
  readonly manifest: ImageManifest;
  readonly diffIds: readonly Digest[];
}

/** @throws {NotStreamableError} UNKNOWN_VERSION, or ARTIFACT_INVALID naming the first thing that is wrong */
export function parseArtifact(manifest: ImageManifest, source: ArtifactSource): StreamingArtifact {
  const name = `streaming artifact ${manifest.digest}`;
  checkHead(manifest, source.manifest.digest, name);
  const [toc, metadata, ...rest] = manifest.layers;
  requireType(toc, sluiceMediaTypes.toc, `${name}: layer 0`);
  requireType(metadata, sluiceMediaTypes.metadata, `${name}: layer 1`);
  const startup = rest[0]?.mediaType === sluiceMediaTypes.startup ? rest.shift() : undefined;
  if (rest.length !== source.manifest.layers.length) {
    throw invalid(`${name}: ${rest.length} layer blobs for an image of ${source.manifest.layers.length} layers`);
  }
  for (const [i, layer] of rest.entries()) checkLayer(layer, source, i, name);
  for (const blob of [metadata, ...(startup ? [startup] : [])]) requireFooter(blob, name);
  return { manifest, toc, metadata, startup, layers: rest };
}

function checkHead(manifest: ImageManifest, source: Digest, name: string): void {
  if (manifest.artifactType !== sluiceMediaTypes.artifact) {
    throw invalid(
      `${name}: artifactType is ${JSON.stringify(manifest.artifactType)}, not ${sluiceMediaTypes.artifact}`,
    );
  }
  const version = manifest.annotations[annotation.version];
  if (version !== formatVersion) {
    throw new NotStreamableError(
      "UNKNOWN_VERSION",
      `${name}: format version ${JSON.stringify(version?.slice(0, 40))}, this program reads ${formatVersion}`,
    );
  }
  if (manifest.config?.mediaType !== ociMediaTypes.empty) throw invalid(`${name}: its config is not the empty one`);
  if (manifest.subject?.digest !== source) {
    throw invalid(`${name}: its subject is ${manifest.subject?.digest ?? "nothing"}, the image is ${source}`);
  }
}

function checkLayer(layer: Descriptor, source: ArtifactSource, i: number, name: string): void {
  const what = `${name}: layer blob ${i}`;
  requireType(layer, sluiceMediaTypes.layer, what);
  requireFooter(layer, name);
  requireAnnotation(layer, annotation.source, source.manifest.layers[i]?.digest, what);
  requireAnnotation(layer, annotation.diffId, source.diffIds[i], what);
}

function requireType(layer: Descriptor | undefined, mediaType: string, what: string): asserts layer is Descriptor {
  if (layer?.mediaType === mediaType) return;
  throw invalid(`${what}: media type ${JSON.stringify(layer?.mediaType)}, expected ${mediaType}`);
}

function requireFooter(blob: Descriptor, name: string): void {
  const footer = blob.annotations?.[annotation.footer];
  if (footer !== undefined && isDigest(footer)) return;
  throw invalid(`${name}: blob ${blob.digest} lacks a digest as ${annotation.footer}`);
}

function requireAnnotation(layer: Descriptor, key: string, expected: Digest | undefined, what: string): void {
  const actual = layer.annotations?.[key];
  if (actual !== undefined && actual === expected) return;
  throw invalid(`${what}: ${key} is ${actual ?? "missing"}, the image's is ${expected ?? "missing"}`);
}

export const invalid = (message: string, options?: ErrorOptions): NotStreamableError =>
  new NotStreamableError("ARTIFACT_INVALID", message, options);
