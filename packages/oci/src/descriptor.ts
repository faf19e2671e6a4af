import { z } from "zod";
import { type ContentDigest, isContentDigest } from "./digest/content-digest.js";
import { type Digest, isDigest, sha256Of } from "./digest/digest.js";
import { listOf, optional } from "./documents/json-document.js";
import { ociMediaTypes } from "./media-types.js";

/** What an image runs on, as an index names it. Values as in Go: `linux`, `amd64`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
}

/** OCI image specification, descriptor.md: names content by type, digest and size. */
export interface Descriptor<D extends ContentDigest = Digest> {
  readonly mediaType: string;
  readonly digest: D;
  /** Bytes of the content, as stored. A safe integer. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly artifactType?: string | undefined;
  readonly platform?: Platform | undefined;
  /** The content itself, where the document carries it; of the right size and not proven. Whoever uses it checks the digest. */
  readonly data?: Uint8Array | undefined;
}

/** The two bytes `{}`: the config of an artifact that needs none (image specification, "Guidance for an Empty Descriptor"). */
export const emptyBlob: Uint8Array = Buffer.from("{}");
export const emptyDescriptor: Descriptor = {
  mediaType: ociMediaTypes.empty,
  digest: sha256Of(emptyBlob),
  size: emptyBlob.byteLength,
};

const maxTextLength = 4096;

/** Media types are at most 127 + 1 + 127 characters (RFC 6838 §4.2); an absent one is "". */
export const mediaTypeSchema: z.ZodType<string> = z.string().max(255);

export const digestSchema: z.ZodType<Digest> = z
  .string()
  .max(200)
  .refine(isDigest, { error: "expected sha256:<64 lower-case hex digits>" })
  .transform((text) => text as Digest); // refined in the line above

const contentDigestSchema: z.ZodType<ContentDigest> = z
  .string()
  .max(200)
  .refine(isContentDigest, { error: "expected sha256: or sha512: and lower-case hex digits" })
  .transform((text) => text as ContentDigest); // refined in the line above

export const annotationsSchema: z.ZodType<Record<string, string>> = z
  .record(z.string().max(maxTextLength), z.string())
  .nullish()
  .transform((annotations) => annotations ?? {});

const platformSchema: z.ZodType<Platform> = z
  .object({
    os: optional(z.string().max(maxTextLength)),
    architecture: optional(z.string().max(maxTextLength)),
    variant: optional(z.string().max(maxTextLength)),
    "os.version": optional(z.string().max(maxTextLength)),
    "os.features": listOf(z.string().max(maxTextLength), 100),
  })
  .transform((platform) => ({
    os: platform.os ?? "",
    architecture: platform.architecture ?? "",
    ...(platform.variant !== undefined && { variant: platform.variant }),
    ...(platform["os.version"] !== undefined && { osVersion: platform["os.version"] }),
  }));

/** Unknown fields are let through and dropped; unknown media types are not errors. */
const descriptorFields = {
  mediaType: mediaTypeSchema,
  size: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  annotations: optional(annotationsSchema),
  artifactType: optional(mediaTypeSchema),
  platform: optional(platformSchema),
  data: optional(z.string()),
};

const fieldsSchema = z.object(descriptorFields);

const descriptorOf = <D extends ContentDigest>(fields: z.infer<typeof fieldsSchema>, digest: D): Descriptor<D> => ({
  mediaType: fields.mediaType,
  digest,
  size: fields.size,
  ...(fields.annotations !== undefined && { annotations: fields.annotations }),
  ...(fields.artifactType !== undefined && { artifactType: fields.artifactType }),
  ...(fields.platform !== undefined && { platform: fields.platform }),
  ...dataOf(fields),
});

export const descriptorSchema: z.ZodType<Descriptor> = z
  .object({ ...descriptorFields, digest: digestSchema })
  .transform(({ digest, ...fields }) => descriptorOf(fields, digest));

/** As {@link descriptorSchema}, of content that may be named by sha512. */
export const contentDescriptorSchema: z.ZodType<Descriptor<ContentDigest>> = z
  .object({ ...descriptorFields, digest: contentDigestSchema })
  .transform(({ digest, ...fields }) => descriptorOf(fields, digest));

/** Data of another size than the descriptor says is none: the content lies elsewhere, too. */
function dataOf({
  data,
  size,
}: {
  readonly data?: string | undefined;
  readonly size: number;
}): Pick<Descriptor, "data"> {
  if (data === undefined || data.length !== 4 * Math.ceil(size / 3)) return {};
  const bytes = Buffer.from(data, "base64");
  return bytes.byteLength === size ? { data: bytes } : {};
}

/** The form that goes into JSON: fields in the order of the specification, empty ones left out. */
export function descriptorToJson(descriptor: Descriptor<ContentDigest>): Record<string, unknown> {
  const { annotations, platform } = descriptor;
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
    ...(descriptor.data !== undefined && { data: Buffer.from(descriptor.data).toString("base64") }),
    ...(platform && { platform: platformToJson(platform) }),
    ...(descriptor.artifactType !== undefined && { artifactType: descriptor.artifactType }),
  };
}

const platformToJson = (platform: Platform): Record<string, string> => ({
  architecture: platform.architecture,
  os: platform.os,
  ...(platform.osVersion !== undefined && { "os.version": platform.osVersion }),
  ...(platform.variant !== undefined && { variant: platform.variant }),
});
