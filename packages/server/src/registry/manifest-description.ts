import {
  algorithmOf,
  type ContentDigest,
  type Descriptor,
  type DigestAlgorithm,
  dockerMediaTypes,
  InvalidDocumentError,
  type Manifest,
  parseContentManifest,
  referrerDescriptor,
  sluiceMediaTypes,
  UnsupportedMediaTypeError,
} from "@sluice/oci";
import type { NewManifest, StoredManifest } from "../metadata/metadata-store.js";
import type { ManifestReference } from "./manifest-reference.js";
import { RegistryError } from "./registry-error.js";

/**
 * What a document that is pushed under `reference` is, what it needs and what it refers to. A tag names it by sha256.
 * @throws {RegistryError} MANIFEST_INVALID when it is no manifest of a kind we know, or calls itself another kind than the request does
 */
export function describeManifest(
  bytes: Uint8Array,
  contentType: string | undefined,
  reference: ManifestReference,
): NewManifest {
  const algorithm = reference.kind === "digest" ? algorithmOf(reference.digest) : "sha256";
  const manifest = parsed(bytes, contentType, algorithm);
  const declared = contentType?.split(";")[0]?.trim();
  if (declared !== undefined && declared !== "" && declared !== manifest.mediaType) {
    throw new RegistryError(
      "MANIFEST_INVALID",
      `Content-Type is ${declared}, the document's mediaType ${manifest.mediaType}`,
    );
  }
  return {
    digest: manifest.digest,
    mediaType: manifest.mediaType,
    bytes,
    blobs: manifest.kind === "image" ? blobsOf(manifest.config, manifest.layers) : [],
    manifests: manifest.kind === "index" ? manifest.manifests.map(({ digest }) => digest) : [],
    referrer: manifest.subject && { subject: manifest.subject.digest, descriptor: referrerDescriptor(manifest) },
  };
}

/** What a stored manifest needs, with sizes. */
export interface Needs {
  readonly blobs: readonly Descriptor<ContentDigest>[];
  /** Of an index. */
  readonly manifests: readonly Descriptor<ContentDigest>[];
}

/** Whether a stored manifest is a streaming artifact, and what it needs. */
export function artifactOf(bytes: Uint8Array, mediaType: string): Needs & { readonly isStreaming: boolean } {
  const manifest = parsed(bytes, mediaType, "sha256");
  return {
    isStreaming: manifest.artifactType === sluiceMediaTypes.artifact,
    blobs: manifest.kind === "image" ? heldBlobs(manifest.config, manifest.layers) : [],
    manifests: manifest.kind === "index" ? manifest.manifests : [],
  };
}

/** The image that a stored manifest is the streaming artifact of. */
export function streamedImageOf({ bytes, mediaType }: StoredManifest): Descriptor<ContentDigest> | undefined {
  const { artifactType, subject } = parsed(bytes, mediaType, "sha256");
  return artifactType === sluiceMediaTypes.artifact ? subject : undefined;
}

function parsed(
  bytes: Uint8Array,
  contentType: string | undefined,
  algorithm: DigestAlgorithm,
): Manifest<ContentDigest> {
  try {
    return parseContentManifest(bytes, "manifest", contentType, algorithm);
  } catch (error) {
    if (error instanceof InvalidDocumentError || error instanceof UnsupportedMediaTypeError) {
      throw new RegistryError("MANIFEST_INVALID", error.message);
    }
    throw error;
  }
}

function blobsOf(
  config: Descriptor<ContentDigest> | undefined,
  layers: readonly Descriptor<ContentDigest>[],
): readonly ContentDigest[] {
  return [...new Set(heldBlobs(config, layers).map(({ digest }) => digest))];
}

/** The blobs that a registry keeps of an image. */
export const heldBlobs = <D extends ContentDigest>(
  config: Descriptor<D> | undefined,
  layers: readonly Descriptor<D>[],
): readonly Descriptor<D>[] => [
  ...(config === undefined ? [] : [config]),
  ...layers.filter(({ mediaType }) => !isHeldElsewhere(mediaType)),
];

/** Layers whose bytes their maker forbids to redistribute; they come from the URLs in the descriptor. */
const isHeldElsewhere = (mediaType: string): boolean =>
  mediaType === dockerMediaTypes.foreignLayer ||
  mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.");
