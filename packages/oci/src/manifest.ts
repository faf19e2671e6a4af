import { z } from "zod";
import { TooLargeError } from "./bytes/bounded-read.js";
import {
  annotationsSchema,
  contentDescriptorSchema,
  type Descriptor,
  descriptorSchema,
  descriptorToJson,
  mediaTypeSchema,
} from "./descriptor.js";
import { type ContentDigest, contentDigestOf, type DigestAlgorithm } from "./digest/content-digest.js";
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

interface ManifestBase<D extends ContentDigest> {
  readonly mediaType: string;
  readonly digest: D;
  /** Exactly as received: written anew they would get another digest. */
  readonly bytes: Uint8Array;
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor<D> | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One image or artifact: OCI image manifest, or Docker schema 2. */
export interface ImageManifest<D extends ContentDigest = Digest> extends ManifestBase<D> {
  readonly kind: "image";
  /** The specification is about to make it optional; runnable images have one. */
  readonly config?: Descriptor<D> | undefined;
  readonly layers: readonly Descriptor<D>[];
}

/** Several manifests under one name: OCI image index, or Docker manifest list. */
export interface ImageIndex<D extends ContentDigest = Digest> extends ManifestBase<D> {
  readonly kind: "index";
  readonly manifests: readonly Descriptor<D>[];
}

export type Manifest<D extends ContentDigest = Digest> = ImageManifest<D> | ImageIndex<D>;

const manifestSchema = <D extends ContentDigest>(descriptor: z.ZodType<Descriptor<D>>) =>
  z.object({
    schemaVersion: z.literal(2),
    mediaType: optional(mediaTypeSchema),
    artifactType: optional(mediaTypeSchema),
    config: optional(descriptor),
    layers: optional(z.unknown()),
    manifests: optional(z.unknown()),
    subject: optional(descriptor),
    annotations: annotationsSchema,
  });

/** How the descriptors of a document are read, and its own digest is made. */
interface Reading<D extends ContentDigest> {
  readonly descriptor: z.ZodType<Descriptor<D>>;
  readonly schema: ReturnType<typeof manifestSchema<D>>;
  digestOf(bytes: Uint8Array): D;
}

const ours: Reading<Digest> = {
  descriptor: descriptorSchema,
  schema: manifestSchema(descriptorSchema),
  digestOf: sha256Of,
};
const anyContent = manifestSchema(contentDescriptorSchema);

/**
 * Checks and types the bytes of a manifest or index. The kind comes from the document's own `mediaType`, else from `contentType`,
 * else from its fields; a document that could be read as both kinds is refused (CVE-2021-41190).
 *
 * @param from names the place in errors
 * @throws {InvalidDocumentError} {TooLargeError} {UnsupportedMediaTypeError}
 */
export function parseManifest(bytes: Uint8Array, from: string, contentType?: string): Manifest {
  return readManifest(bytes, from, contentType, ours);
}

/** As {@link parseManifest}, of a document that may name, and be named, by sha512: what a registry stores for others. */
export function parseContentManifest(
  bytes: Uint8Array,
  from: string,
  contentType: string | undefined,
  algorithm: DigestAlgorithm,
): Manifest<ContentDigest> {
  return readManifest(bytes, from, contentType, {
    descriptor: contentDescriptorSchema,
    schema: anyContent,
    digestOf: (document) => contentDigestOf(document, algorithm),
  });
}

function readManifest<D extends ContentDigest>(
  bytes: Uint8Array,
  from: string,
  contentType: string | undefined,
  reading: Reading<D>,
): Manifest<D> {
  if (bytes.byteLength > maxManifestBytes) throw new TooLargeError(from, maxManifestBytes);
  refuseSchema1(bytes, from, contentType);
  const fields = parseJsonDocument(bytes, reading.schema, from);
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
    digest: reading.digestOf(bytes),
    bytes,
    annotations: fields.annotations,
    ...(fields.artifactType !== undefined && { artifactType: fields.artifactType }),
    ...(fields.subject !== undefined && { subject: fields.subject }),
  };
  if (isImageIndexType(mediaType)) {
    if (looksLikeImage)
      throw new InvalidDocumentError(`${from}: media type ${mediaType}, but the fields of a manifest`);
    return {
      ...base,
      kind: "index",
      manifests: descriptorsIn(reading.descriptor, fields.manifests, "manifests", maxManifests, from),
    };
  }
  if (!isImageManifestType(mediaType)) {
    throw new UnsupportedMediaTypeError(from, mediaType, "image manifests and indexes of OCI and Docker schema 2");
  }
  if (looksLikeIndex) throw new InvalidDocumentError(`${from}: media type ${mediaType}, but the fields of an index`);
  const layers = descriptorsIn(reading.descriptor, fields.layers, "layers", maxLayers, from);
  return { ...base, kind: "image", layers, ...(fields.config !== undefined && { config: fields.config }) };
}

/** What an artifact's type is to a referrers list: `artifactType`, else the config's media type (distribution specification, "Listing Referrers"). */
export function artifactTypeOf(manifest: Manifest<ContentDigest>): string | undefined {
  if (manifest.artifactType !== undefined && manifest.artifactType !== "") return manifest.artifactType;
  return manifest.kind === "image" ? manifest.config?.mediaType : undefined;
}

/** Media type, digest and size of a manifest. */
export function descriptorOfManifest<D extends ContentDigest>(manifest: Manifest<D>): Descriptor<D> {
  return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength };
}

/** The descriptor under which a referrers list names a manifest: with its artifact type and its annotations. */
export function referrerDescriptor<D extends ContentDigest>(manifest: Manifest<D>): Descriptor<D> {
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

/** A new index: named by sha256, whatever names what is in it. */
export type NewImageIndex<D extends ContentDigest = Digest> = Omit<ImageIndex<D>, "digest"> & {
  readonly digest: Digest;
};

/** An OCI image index with its bytes. Equal parts give equal bytes. */
export function createImageIndex<D extends ContentDigest = Digest>(
  manifests: readonly Descriptor<D>[],
  annotations: Readonly<Record<string, string>> = {},
): NewImageIndex<D> {
  const document = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.index,
    manifests: manifests.map(descriptorToJson),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { kind: "index", mediaType: ociMediaTypes.index, digest: sha256Of(bytes), bytes, manifests, annotations };
}

function descriptorsIn<D extends ContentDigest>(
  descriptor: z.ZodType<Descriptor<D>>,
  value: unknown,
  field: string,
  maxItems: number,
  from: string,
): Descriptor<D>[] {
  const result = z.object({ [field]: listOf(descriptor, maxItems) }).safeParse({ [field]: value });
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
