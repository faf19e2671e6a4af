import { type ByteRange, type ContentDigest, isContentDigest, isRepositoryName } from "@sluice/oci";
import { linkStoredBlob } from "../../garbage/link-stored-blob.js";
import { parseRequestDigest } from "../../registry/manifest-reference.js";
import { RegistryError } from "../../registry/registry-error.js";
import { parseRepositoryName, type RepositoryName } from "../../registry/repository-name.js";
import type { Answer, RegistryRequest } from "../answer.js";
import type { RegistryPlaces } from "../places.js";
import { parseChunkRange } from "../range-header.js";

/** `POST /v2/<name>/blobs/uploads/`: opens an upload; with `?digest=` the body is the blob; with `?mount=` it may be here already. */
export async function startUpload(
  places: RegistryPlaces,
  repository: RepositoryName,
  request: RegistryRequest,
): Promise<Answer> {
  const mounted = await mountBlob(places, repository, request);
  if (mounted !== undefined) return committed(repository, mounted);
  const digest = request.query.get("digest");
  if (digest === null) {
    return progress(repository, await places.uploads.start(repository, request.caller), 0, 202);
  }
  const wanted = parseRequestDigest(digest);
  await places.uploads.push(repository, wanted, request.body);
  return committed(repository, wanted);
}

/** `PATCH`: the next bytes. With `Content-Range` they must follow what is there; what arrived of a broken request is kept. */
export async function appendToUpload(
  places: RegistryPlaces,
  repository: RepositoryName,
  id: string,
  request: RegistryRequest,
): Promise<Answer> {
  return progress(repository, id, await append(places, repository, id, request), 202);
}

/** `PUT ?digest=`: the last bytes, if any, and the digest of all of them. Wrong bytes end the upload. */
export async function finishUpload(
  places: RegistryPlaces,
  repository: RepositoryName,
  id: string,
  request: RegistryRequest,
): Promise<Answer> {
  const digest = parseRequestDigest(request.query.get("digest") ?? "");
  await append(places, repository, id, request);
  await places.uploads.commit(repository, id, digest);
  return committed(repository, digest);
}

/** `GET`: how far it is. */
export async function uploadStatus(places: RegistryPlaces, repository: RepositoryName, id: string): Promise<Answer> {
  const { sizeBytes } = await places.uploads.status(repository, id);
  return progress(repository, id, sizeBytes, 204);
}

/** `DELETE`: forgets it. */
export async function cancelUpload(places: RegistryPlaces, repository: RepositoryName, id: string): Promise<Answer> {
  await places.uploads.cancel(repository, id);
  return { status: 204 };
}

/** @returns the digest of the blob that is in the repository now; if undefined, the client uploads it as usual */
async function mountBlob(
  { metadata, blobs, quota }: RegistryPlaces,
  repository: RepositoryName,
  { query, permissions }: RegistryRequest,
): Promise<ContentDigest | undefined> {
  const digest = query.get("mount");
  const from = query.get("from");
  if (digest === null || from === null || !isContentDigest(digest) || !isRepositoryName(from)) return undefined;
  const source = parseRepositoryName(from);
  if (!permissions.may(source, "content/read")) return undefined; // as if it were not there
  const sizeBytes = (await metadata.hasBlob(source, digest)) ? await blobs.sizeOf(digest) : undefined;
  if (sizeBytes === undefined) return undefined;
  if (!(await metadata.hasBlob(repository, digest))) await quota.admit(repository, sizeBytes);
  await linkStoredBlob(metadata, blobs, repository, digest);
  return digest;
}

/** @returns bytes of the upload after it */
async function append(
  places: RegistryPlaces,
  repository: RepositoryName,
  id: string,
  request: RegistryRequest,
): Promise<number> {
  const { sizeBytes } = await places.uploads.status(repository, id);
  const range = chunkOf(repository, id, sizeBytes, request);
  const body = range === undefined ? request.body : filling(range, request.body);
  return await places.uploads.append(id, sizeBytes, body);
}

/** @returns where the body belongs, if the request says so */
function chunkOf(
  repository: RepositoryName,
  id: string,
  sizeBytes: number,
  request: RegistryRequest,
): ByteRange | undefined {
  const header = request.headers["content-range"];
  if (header === undefined) return undefined;
  const range = parseChunkRange(header);
  if (range?.start !== sizeBytes) {
    throw new RegistryError(
      "BLOB_UPLOAD_INVALID",
      `Content-Range ${header}: the next byte is ${sizeBytes}`,
      { sizeBytes },
      {
        status: 416,
        headers: progressHeaders(repository, id, sizeBytes),
      },
    );
  }
  const length = request.headers["content-length"];
  if (length !== undefined && Number(length) !== range.end - range.start) {
    throw new RegistryError("SIZE_INVALID", `Content-Range ${header} and Content-Length ${length} do not agree`);
  }
  return range;
}

/** The same bytes, while there are as many as the range has: a body without Content-Length may have any. What came up to there is kept. */
async function* filling({ start, end }: ByteRange, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const promised = end - start;
  let sizeBytes = 0;
  for await (const piece of body) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > promised) throw otherSize(promised, "more");
    yield piece;
  }
  if (sizeBytes < promised) throw otherSize(promised, `${sizeBytes}`);
}

const otherSize = (promised: number, came: string): RegistryError =>
  new RegistryError("BLOB_UPLOAD_INVALID", `Content-Range promises ${promised} bytes; the body has ${came}`);

const progress = (repository: RepositoryName, id: string, sizeBytes: number, status: number): Answer => ({
  status,
  headers: progressHeaders(repository, id, sizeBytes),
});

/** `Range` names the last byte that is there; before the first byte it is `0-0`, as clients expect. */
const progressHeaders = (repository: RepositoryName, id: string, sizeBytes: number): Record<string, string> => ({
  location: `/v2/${repository}/blobs/uploads/${id}`,
  range: `0-${Math.max(0, sizeBytes - 1)}`,
  "docker-upload-uuid": id,
});

const committed = (repository: RepositoryName, digest: ContentDigest): Answer => ({
  status: 201,
  headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest },
});
