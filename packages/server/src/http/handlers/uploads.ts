import { type Digest, DigestMismatchError, isDigest } from "@sluice/oci";
import type { RegistryBlobs } from "../../blobs/registry-blobs.js";
import type { MetadataStore } from "../../metadata/metadata-store.js";
import { parseRequestDigest } from "../../registry/manifest-reference.js";
import { RegistryError } from "../../registry/registry-error.js";
import { parseRepositoryName, type RepositoryName } from "../../registry/repository-name.js";
import type { UploadSession, UploadSessions } from "../../uploads/upload-sessions.js";
import type { Answer, RegistryRequest } from "../answer.js";
import { parseChunkRange } from "../range-header.js";

/** Where uploads go. */
export interface UploadPlaces {
  readonly metadata: MetadataStore;
  readonly blobs: RegistryBlobs;
  readonly sessions: UploadSessions;
}

/** `POST /v2/<name>/blobs/uploads/`: opens an upload; with `?digest=` the body is the blob; with `?mount=` it may be here already. */
export async function startUpload(
  places: UploadPlaces,
  repository: RepositoryName,
  request: RegistryRequest,
): Promise<Answer> {
  if (await mountBlob(places, repository, request.query)) {
    return committed(repository, parseRequestDigest(request.query.get("mount") ?? ""));
  }
  const digest = request.query.get("digest");
  const wanted = digest === null ? undefined : parseRequestDigest(digest);
  const session = places.sessions.open(repository, await places.blobs.startUpload());
  if (wanted === undefined) return accepted(session, 202);
  try {
    return await places.sessions.use(repository, session.id, (used) => finish(places, used, wanted, request));
  } finally {
    // A single POST leaves no upload behind that its client could go on with.
    places.sessions.forget(session.id);
    await session.upload.cancel();
  }
}

/** `PATCH`: the next bytes. With `Content-Range` they must follow what is there; what arrived of a broken request is kept. */
export async function appendToUpload(
  places: UploadPlaces,
  repository: RepositoryName,
  id: string,
  request: RegistryRequest,
): Promise<Answer> {
  return await places.sessions.use(repository, id, async (session) => {
    await append(session, request);
    return accepted(session, 202);
  });
}

/** `PUT ?digest=`: the last bytes, if any, and the digest of all of them. Wrong bytes end the upload. */
export async function finishUpload(
  places: UploadPlaces,
  repository: RepositoryName,
  id: string,
  request: RegistryRequest,
): Promise<Answer> {
  const digest = parseRequestDigest(request.query.get("digest") ?? "");
  return await places.sessions.use(repository, id, (session) => finish(places, session, digest, request));
}

/** `GET`: how far it is. */
export function uploadStatus(places: UploadPlaces, repository: RepositoryName, id: string): Answer {
  return accepted(places.sessions.find(repository, id), 204);
}

/** `DELETE`: forgets it. */
export async function cancelUpload(places: UploadPlaces, repository: RepositoryName, id: string): Promise<Answer> {
  return await places.sessions.use(repository, id, async (session) => {
    places.sessions.forget(id);
    await session.upload.cancel();
    return { status: 204 };
  });
}

/** @returns whether the blob is in the repository now; if not, the client uploads it as usual */
async function mountBlob(places: UploadPlaces, repository: RepositoryName, query: URLSearchParams): Promise<boolean> {
  const mount = query.get("mount");
  const from = query.get("from");
  if (mount === null || from === null || !isDigest(mount)) return false;
  const source = parseRepositoryName(from);
  if (!(await places.metadata.hasBlob(source, mount)) || (await places.blobs.sizeOf(mount)) === undefined) return false;
  await places.metadata.linkBlob(repository, mount);
  return true;
}

async function append(session: UploadSession, request: RegistryRequest): Promise<void> {
  const header = request.headers["content-range"];
  const range = header === undefined ? undefined : parseChunkRange(header);
  const { sizeBytes } = session.upload;
  if (header !== undefined && range?.start !== sizeBytes) {
    throw new RegistryError(
      "BLOB_UPLOAD_INVALID",
      `Content-Range ${header}: the next byte is ${sizeBytes}`,
      { sizeBytes },
      {
        status: 416,
        headers: progressOf(session),
      },
    );
  }
  const length = request.headers["content-length"];
  if (range !== undefined && length !== undefined && Number(length) !== range.end - range.start) {
    throw new RegistryError("SIZE_INVALID", `Content-Range ${header} and Content-Length ${length} do not agree`);
  }
  await session.upload.append(request.body);
}

async function finish(
  places: UploadPlaces,
  session: UploadSession,
  digest: Digest,
  request: RegistryRequest,
): Promise<Answer> {
  await append(session, request);
  try {
    await session.upload.commit(digest);
  } catch (error) {
    places.sessions.forget(session.id);
    await session.upload.cancel();
    if (!(error instanceof DigestMismatchError)) throw error;
    throw new RegistryError("DIGEST_INVALID", "the bytes do not hash to the digest they were pushed under", {
      named: digest,
      actual: error.actual,
    });
  }
  places.sessions.forget(session.id);
  await places.metadata.linkBlob(session.repository, digest);
  return committed(session.repository, digest);
}

const accepted = (session: UploadSession, status: number): Answer => ({ status, headers: progressOf(session) });

/** `Range` names the last byte that is there; before the first byte it is `0-0`, as clients expect. */
const progressOf = (session: UploadSession): Record<string, string> => ({
  location: `/v2/${session.repository}/blobs/uploads/${session.id}`,
  range: `0-${Math.max(0, session.upload.sizeBytes - 1)}`,
  "docker-upload-uuid": session.id,
});

const committed = (repository: RepositoryName, digest: Digest): Answer => ({
  status: 201,
  headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest },
});
