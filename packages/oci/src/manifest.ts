import { z } from "zod";
import { TooLargeError } from "./bytes/bounded-read.js";
import {
  annotationsSchema,
  type Descriptor,
  descriptorSchema,
  descriptorToJson,
  mediaTypeSchema,
} from "./descriptor.js";
import { type Digest, sha256Of } from "./digest/digest.js";
import { InvalidDocumentError, listOf, optional, parseJsonDocument } from "./documents/json-document.js";
import {
  dockerMediaTypes,
  isImageIndexType,
  isImageManifestType,
  ociMediaTypes,
  UnsupportedMediaTypeError,
} from "./media-types.js";

/** Registries refuse larger ones (distribution specification, "Pushing Manifests"). Bytes. */
export const maxManifestBytes: number = 4 * 1024 * 1024;

/** Far above any real image, far below what would cost memory. Layers of one image; manifests of one index. */
const maxLayers = 10_000;
const maxManifests = 20_000;

interface ManifestBase {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Exactly as received: written anew they would get another digest. */
  readonly bytes: Uint8Array;
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One image or artifact: OCI image manifest, or Docker schema 2. */
export interface ImageManifest extends ManifestBase {
  readonly kind: "image";
  /** The specification is about to make it optional; runnable images have one. */
  readonly config?: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
}

/** Several manifests under one name: OCI image index, or Docker manifest list. */
export interface ImageIndex extends ManifestBase {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
}

export type Manifest = ImageManifest | ImageIndex;

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: optional(mediaTypeSchema),
  artifactType: optional(mediaTypeSchema),
  config: optional(descriptorSchema),
  layers: optional(z.unknown()),
  manifests: optional(z.unknown()),
  subject: optional(descriptorSchema),
  annotations: annotationsSchema,
});

/**
 * Checks and types the bytes of a manifest or index. The kind comes from the document's own `mediaType`, else from `contentType`,
 * else from its fields; a document that could be read as both kinds is refused (CVE-2021-41190).
 *
 * @param from names the place in errors
 * @throws {InvalidDocumentError} {TooLargeError} {UnsupportedMediaTypeError}
 */
export function parseManifest(bytes: Uint8Array, from: string, contentType?: string): Manifest {
  if (bytes.byteLength > maxManifestBytes) throw new TooLargeError(from, maxManifestBytes);
  refuseSchema1(bytes, from, contentType);
  const fields = parseJsonDocument(bytes, manifestSchema, from);
  const looksLikeIndex = fields.manifests !== undefined;
  const looksLikeImage = fields.layers !== undefined || fields.config !== undefined;
  if (looksLikeIndex && looksLikeImage) {
    throw new InvalidDocumentError(
      `${from}: has both "manifests" and "config" or "layers", so it could be read two ways`,
    );
  }
  const mediaType =
    fields.mediaType || knownType(contentType) || (looksLikeIndex ? ociMediaTypes.index : ociMediaTypes.manifest);
  const base = {
    mediaType,
    digest: sha256Of(bytes),
    bytes,
    annotations: fields.annotations,
    ...(fields.artifactType !== undefined && { artifactType: fields.artifactType }),
    ...(fields.subject !== undefined && { subject: fields.subject }),
  };
  if (isImageIndexType(mediaType)) {
    if (looksLikeImage)
      throw new InvalidDocumentError(`${from}: media type ${mediaType}, but the fields of a manifest`);
    return { ...base, kind: "index", manifests: descriptorsIn(fields.manifests, "manifests", maxManifests, from) };
  }
  if (!isImageManifestType(mediaType)) {
    throw new UnsupportedMediaTypeError(from, mediaType, "image manifests and indexes of OCI and Docker schema 2");
  }
  if (looksLikeIndex) throw new InvalidDocumentError(`${from}: media type ${mediaType}, but the fields of an index`);
  const layers = descriptorsIn(fields.layers, "layers", maxLayers, from);
  return { ...base, kind: "image", layers, ...(fields.config !== undefined && { config: fields.config }) };
}

/** What an artifact's type is to a referrers list: `artifactType`, else the config's media type (distribution specification, "Listing Referrers"). */
export function artifactTypeOf(manifest: Manifest): string | undefined {
  if (manifest.artifactType !== undefined && manifest.artifactType !== "") return manifest.artifactType;
  return manifest.kind === "image" ? manifest.config?.mediaType : undefined;
}

/** Media type, digest and size of a manifest. */
export function descriptorOfManifest(manifest: Manifest): Descriptor {
  return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength };
}

/** The descriptor under which a referrers list names a manifest: with its artifact type and its annotations. */
export function referrerDescriptor(manifest: Manifest): Descriptor {
  const artifactType = artifactTypeOf(manifest);
  return {
    ...descriptorOfManifest(manifest),
    ...(artifactType !== undefined && { artifactType }),
    ...(Object.keys(manifest.annotations).length > 0 && { annotations: manifest.annotations }),
  };
}

/** The parts of a new manifest; see {@link createImageManifest}. */
export interface NewImageManifest {
  readonly artifactType?: string | undefined;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** An OCI image manifest with its bytes. Equal parts give equal bytes. */
export function createImageManifest(parts: NewImageManifest): ImageManifest {
  const { annotations = {}, artifactType, config, layers, subject } = parts;
  const document = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.manifest,
    ...(artifactType !== undefined && { artifactType }),
    config: descriptorToJson(config),
    layers: layers.map(descriptorToJson),
    ...(subject !== undefined && { subject: descriptorToJson(subject) }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { kind: "image", mediaType: ociMediaTypes.manifest, digest: sha256Of(bytes), bytes, ...parts, annotations };
}

/** An OCI image index with its bytes. Equal parts give equal bytes. */
export function createImageIndex(
  manifests: readonly Descriptor[],
  annotations: Readonly<Record<string, string>> = {},
): ImageIndex {
  const document = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.index,
    manifests: manifests.map(descriptorToJson),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { kind: "index", mediaType: ociMediaTypes.index, digest: sha256Of(bytes), bytes, manifests, annotations };
}

function descriptorsIn(value: unknown, field: string, maxItems: number, from: string): Descriptor[] {
  const result = z.object({ [field]: listOf(descriptorSchema, maxItems) }).safeParse({ [field]: value });
  if (result.success) return result.data[field] ?? [];
  const issue = result.error.issues[0];
  throw new InvalidDocumentError(
    `${from}: ${issue?.path.map(String).join(".") ?? field}: ${issue?.message ?? "invalid"}`,
    {
      cause: result.error,
    },
  );
}

/** Content types that say nothing about the kind (`application/json`, `text/plain`) are not believed. */
function knownType(contentType: string | undefined): string | undefined {
  const mediaType = contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
  return isImageManifestType(mediaType) || isImageIndexType(mediaType) ? mediaType : undefined;
}

function refuseSchema1(bytes: Uint8Array, from: string, contentType: string | undefined): void {
  const expected = "image manifests and indexes of OCI and Docker schema 2";
  const declared = contentType?.split(";")[0]?.trim() ?? "";
  const isSchema1 = declared === dockerMediaTypes.schema1 || declared === dockerMediaTypes.schema1Signed;
  if (isSchema1 || /"schemaVersion"\s*:\s*1\b/.test(Buffer.from(bytes.subarray(0, 200)).toString("latin1"))) {
    throw new UnsupportedMediaTypeError(from, isSchema1 ? declared : dockerMediaTypes.schema1, expected);
  }
}
