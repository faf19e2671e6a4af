import type { ByteRange, ContentDigest } from "@sluice/oci";
import { BlobMissingError, type BlobStore, type PieceMemory } from "@sluice/store";
import type { MetadataStore } from "../../metadata/metadata-store.js";
import { RegistryError } from "../../registry/registry-error.js";
import type { RepositoryName } from "../../registry/repository-name.js";
import type { Answer, FileBody, RegistryRequest } from "../answer.js";
import { contentRangeOf, parseRangeHeader, type WantedRange } from "../range-header.js";

/** `GET` and `HEAD /v2/<name>/blobs/<digest>`, whole or in part. A blob never changes, so caches may keep it. */
export async function readBlob(
  metadata: MetadataStore,
  blobs: BlobStore,
  repository: RepositoryName,
  digest: ContentDigest,
  request: RegistryRequest,
): Promise<Answer> {
  const isLinked = await metadata.hasBlob(repository, digest);
  // What is gone from the store meanwhile is found when the first piece is read, before the answer begins.
  const mayBeRemembered = request.method === "GET";
  const sizeBytes = isLinked ? await blobs.sizeOf(digest, { mayBeRemembered }) : undefined;
  if (sizeBytes === undefined) throw unknownBlob(repository, digest);
  const etag = `"${digest}"`;
  const headers = {
    "accept-ranges": "bytes",
    "cache-control": "max-age=31536000, immutable",
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    etag,
  };
  if (request.headers["if-none-match"]?.includes(etag)) return { status: 304, headers };
  const mayLink = request.method === "GET" && request.headers[redirectHeader] !== "never";
  const link = mayLink ? await blobs.linkTo?.(digest) : undefined;
  if (link !== undefined) return { status: 307, headers: { location: link.href, "cache-control": "no-store" } };
  const wanted = wantedRange(request, etag, sizeBytes);
  if (wanted.kind === "unsatisfiable") {
    throw new RegistryError(
      "SIZE_INVALID",
      `${request.headers.range} is outside the blob`,
      { sizeBytes },
      {
        status: 416,
        headers: { "content-range": `bytes */${sizeBytes}` },
      },
    );
  }
  const range = wanted.kind === "part" ? wanted.range : { start: 0, end: sizeBytes };
  return {
    status: wanted.kind === "part" ? 206 : 200,
    headers: {
      ...headers,
      "content-length": range.end - range.start,
      ...(wanted.kind === "part" && { "content-range": contentRangeOf(range, sizeBytes) }),
    },
    ...(request.method === "GET" && {
      body: (memory) => readLinked(blobs, repository, digest, range, memory),
      file: fileOf(blobs, repository, digest, range),
    }),
  };
}

/** `never`: the bytes from here, please. Of the web page, which no browser lets read another origin. */
const redirectHeader = "sluice-redirect";

async function* readLinked(
  blobs: BlobStore,
  repository: RepositoryName,
  digest: ContentDigest,
  range: ByteRange,
  memory: PieceMemory,
): AsyncGenerator<Uint8Array> {
  try {
    yield* blobs.read(digest, range, { memory });
  } catch (error) {
    throw known(error, repository);
  }
}

function fileOf(
  blobs: BlobStore,
  repository: RepositoryName,
  digest: ContentDigest,
  range: ByteRange,
): FileBody | undefined {
  const opening = blobs.openFile?.bind(blobs);
  if (opening === undefined) return undefined;
  const open = () =>
    opening(digest, range).catch((error: unknown) => {
      throw known(error, repository);
    });
  return { open, range };
}

/** What is gone from the store is unknown here. */
const known = (error: unknown, repository: RepositoryName): unknown =>
  error instanceof BlobMissingError ? unknownBlob(repository, error.digest) : error;

/** `DELETE /v2/<name>/blobs/<digest>`: out of this repository, whose manifests must not need it; others keep it. */
export async function deleteBlob(
  metadata: MetadataStore,
  repository: RepositoryName,
  digest: ContentDigest,
): Promise<Answer> {
  if (await metadata.unlinkBlob(repository, digest)) return { status: 202 };
  if (!(await metadata.hasBlob(repository, digest))) throw unknownBlob(repository, digest);
  const users = "manifests, also deleted ones that can be restored,";
  // 405: one of the two that the specification has for a registry that does not delete a blob ("Deleting Blobs").
  throw new RegistryError(
    "UNSUPPORTED",
    `${users} of ${repository} need blob ${digest}: delete those, and collections take the blob`,
    { name: repository, digest },
    { headers: { allow: "GET, HEAD" } },
  );
}

/** A range that was made for other bytes (`If-Range`) is answered with the whole blob. HEAD has no range (RFC 9110 §14.2). */
function wantedRange(request: RegistryRequest, etag: string, sizeBytes: number): WantedRange {
  const condition = request.headers["if-range"];
  const counts = request.method === "GET" && (condition === undefined || condition === etag);
  return parseRangeHeader(counts ? request.headers.range : undefined, sizeBytes);
}

const unknownBlob = (repository: RepositoryName, digest: ContentDigest): RegistryError =>
  new RegistryError("BLOB_UNKNOWN", `${repository} has no blob ${digest}`, { name: repository, digest });
