import { randomUUID } from "node:crypto";
import { type ContentDigest, maxManifestBytes, readBounded, TooLargeError } from "@sluice/oci";
import type { MetadataStore } from "../../metadata/metadata-store.js";
import {
  type ChangeOrigin,
  type ChangePlaces,
  removeManifest,
  removeTag,
  storeManifest,
} from "../../registry/change-manifests.js";
import { checkSizes, type SizePlaces } from "../../registry/check-sizes.js";
import { describeManifest } from "../../registry/manifest-description.js";
import { type ManifestReference, parseTag, type Tag } from "../../registry/manifest-reference.js";
import { RegistryError } from "../../registry/registry-error.js";
import type { RepositoryName } from "../../registry/repository-name.js";
import type { Answer, RegistryRequest } from "../answer.js";

/** `GET` and `HEAD /v2/<name>/manifests/<reference>`: the bytes that were pushed, under the media type they were pushed with. */
export async function readManifest(
  metadata: MetadataStore,
  repository: RepositoryName,
  reference: ManifestReference,
  request: RegistryRequest,
): Promise<Answer> {
  const digest = reference.kind === "digest" ? reference.digest : await metadata.resolveTag(repository, reference.tag);
  const manifest = digest && (await metadata.manifest(repository, digest));
  if (digest === undefined || manifest === undefined) throw await unknownManifest(metadata, repository, reference);
  const headers = { etag: `"${digest}"`, "docker-content-digest": digest };
  if (request.headers["if-none-match"]?.includes(headers.etag)) return { status: 304, headers };
  return {
    status: 200,
    headers: { ...headers, "content-type": manifest.mediaType, "content-length": manifest.bytes.byteLength },
    body: manifest.bytes,
  };
}

/** `PUT /v2/<name>/manifests/<reference>`: everything the document names must be in the repository, but not its subject. */
export async function putManifest(
  places: ChangePlaces & SizePlaces,
  repository: RepositoryName,
  reference: ManifestReference,
  request: RegistryRequest,
): Promise<Answer> {
  const tags = tagsOf(reference, request.query);
  const manifest = describeManifest(await readBody(request), request.headers["content-type"], reference);
  if (reference.kind === "digest" && reference.digest !== manifest.digest) {
    throw new RegistryError("DIGEST_INVALID", "the document does not hash to the digest it was pushed under", {
      named: reference.digest,
      actual: manifest.digest,
    });
  }
  await checkSizes(places, repository, manifest);
  const origin = originOf(request);
  const { missing, remarks } = await storeManifest(places, repository, manifest, tags, origin);
  if (missing.length > 0) {
    throw new RegistryError(
      "MANIFEST_BLOB_UNKNOWN",
      `the manifest names what ${repository} does not hold; push it first`,
      {
        digests: missing.slice(0, 100),
      },
    );
  }
  return {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${manifest.digest}`,
      "docker-content-digest": manifest.digest,
      ...(reference.kind === "digest" && tags.length > 0 && { "oci-tag": tags.join(", ") }),
      ...(remarks.length > 0 && { warning: remarks.map(warningOf).join(", ") }),
      ...(manifest.referrer && { "oci-subject": manifest.referrer.subject }),
    },
  };
}

/** `DELETE /v2/<name>/manifests/<reference>`: a tag goes alone, a manifest with all its tags. */
export async function deleteManifest(
  places: ChangePlaces,
  repository: RepositoryName,
  reference: ManifestReference,
  request: RegistryRequest,
): Promise<Answer> {
  const origin = originOf(request);
  const wasThere =
    reference.kind === "digest"
      ? await removeManifest(places, repository, reference.digest, origin)
      : await removeTag(places, repository, reference.tag, origin);
  if (!wasThere) throw await unknownManifest(places.metadata, repository, reference);
  return { status: 202 };
}

function originOf({ caller, headers, method }: RegistryRequest): ChangeOrigin {
  const host = (headers.host ?? "").slice(0, maxFactLength);
  const userAgent = (headers["user-agent"] ?? "").slice(0, maxFactLength);
  return { caller, via: "push", request: { id: randomUUID(), host, method, userAgent } };
}

/** What a client says of itself is kept with each event. */
const maxFactLength = 255;

/** For the header `Warning` (distribution specification 1.1, "Warnings"); a remark is one line of printable ASCII. */
const warningOf = (remark: string): string => `299 - "${remark.replace(/[^ -~]/g, "?").replace(/["\\]/g, "\\$&")}"`;

/** The tag in the path, or those of `?tag=`, which only a push by digest may have (distribution specification after 1.1, "Pushing Manifests"). */
function tagsOf(reference: ManifestReference, query: URLSearchParams): readonly Tag[] {
  const asked = query.getAll("tag");
  if (reference.kind === "tag") {
    if (asked.length === 0) return [reference.tag];
    throw new RegistryError("MANIFEST_INVALID", "?tag= goes with a push by digest; this one is by tag");
  }
  if (asked.length > maxTagsAtOnce) {
    throw new RegistryError("MANIFEST_INVALID", `at most ${maxTagsAtOnce} tags in one push`, undefined, {
      status: 414,
    });
  }
  return [...new Set(asked)].map(parseTag);
}

/** The specification asks for ten at least. */
const maxTagsAtOnce = 100;

async function readBody(request: RegistryRequest): Promise<Uint8Array> {
  try {
    return await readBounded(request.body, maxManifestBytes, "manifest");
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    throw new RegistryError("SIZE_INVALID", `a manifest may have ${maxManifestBytes} bytes`, undefined, {
      status: 413,
    });
  }
}

async function unknownManifest(
  metadata: MetadataStore,
  repository: RepositoryName,
  reference: ManifestReference,
): Promise<RegistryError> {
  const named: ContentDigest | string = reference.kind === "digest" ? reference.digest : reference.tag;
  return (await metadata.hasRepository(repository))
    ? new RegistryError("MANIFEST_UNKNOWN", `${repository} has no manifest ${named}`, {
        name: repository,
        reference: named,
      })
    : unknownRepository(repository);
}

export const unknownRepository = (repository: RepositoryName): RegistryError =>
  new RegistryError("NAME_UNKNOWN", `no repository ${repository}`, { name: repository });
