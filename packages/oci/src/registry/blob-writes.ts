import type { AbortOptions } from "../abort-options.js";
import type { Digest } from "../digest/digest.js";
import { SizeMismatchError } from "../digest/verify-stream.js";
import type { BlobContent, BlobName } from "../repository/repository.js";
import { parseContentRange } from "./content-range.js";
import { requestName } from "./error-of-response.js";
import { RegistryError, UnexpectedReplyError } from "./errors.js";
import type { HttpMethod, StreamBody } from "./http-request.js";
import { pullRequest, pullScope, pushScope, type RepositoryContext } from "./repository-requests.js";
import { retrying } from "./retry.js";
import type { RegistryRequest } from "./session.js";
import type { HttpResponse } from "./transport.js";

/** Bytes of a blob, or undefined when the registry does not have it. */
export async function blobSize(
  context: RepositoryContext,
  digest: Digest,
  options?: AbortOptions,
): Promise<number | undefined> {
  const path = `blobs/${digest}`;
  const head = pullRequest(context, path, { method: "HEAD", kind: "blob", expect: [200, 404] });
  const response = await context.session.send(head, options);
  await response.body.discard();
  if (response.status === 404) return undefined;
  const length = Number(response.header("content-length") ?? Number.NaN);
  if (Number.isSafeInteger(length)) return length;
  const first = pullRequest(context, path, { kind: "range", expect: [206, 416], headers: { range: "bytes=0-0" } });
  const ranged = await context.session.send(first, options);
  await ranged.body.discard();
  if (ranged.status === 416) return 0; // an empty blob has no first byte
  const totalBytes = parseContentRange(ranged.header("content-range"))?.totalBytes;
  if (totalBytes !== undefined) return totalBytes;
  throw new UnexpectedReplyError("the registry does not say how large the blob is", { request: requestName(ranged) });
}

/** One POST and one PUT. Asks first, and sends nothing when the blob is there. Each attempt begins anew. */
export async function pushBlob(
  context: RepositoryContext,
  blob: BlobName,
  content: BlobContent,
  options?: AbortOptions,
): Promise<void> {
  if ((await blobSize(context, blob.digest, options)) === blob.size) return;
  const what = `blob ${blob.digest} on its way to ${context.name}`;
  const body: StreamBody | Uint8Array =
    blob.size === 0 ? new Uint8Array() : { sizeBytes: blob.size, content: () => exactly(content(), blob.size, what) };
  await retrying(context.session.retry, () => pushOnce(context, blob, body, options), options);
}

async function pushOnce(
  context: RepositoryContext,
  blob: BlobName,
  body: StreamBody | Uint8Array,
  options?: AbortOptions,
): Promise<void> {
  const location = await startUpload(context, options);
  try {
    await finishUpload(context, location, blob.digest, body, options);
  } catch (error) {
    await cancelUpload(context, location);
    throw error;
  }
}

/** An upload session. @returns its URL */
export async function startUpload(context: RepositoryContext, options?: AbortOptions): Promise<URL> {
  const response = await context.session.attempt(
    {
      method: "POST",
      target: `/v2/${context.repository}/blobs/uploads/`,
      kind: "upload",
      scopes: [pushScope(context.repository)],
      body: new Uint8Array(),
      expect: [202],
    },
    options,
  );
  await response.body.discard();
  return locationOf(response);
}

/** Sends the last bytes, if any, and gives the blob its name. */
export async function finishUpload(
  context: RepositoryContext,
  location: URL,
  digest: Digest,
  body: StreamBody | Uint8Array,
  options?: AbortOptions,
): Promise<void> {
  const target = new URL(location);
  target.searchParams.set("digest", digest);
  const headers = { "content-type": "application/octet-stream" };
  const request = uploadRequest(context, "PUT", target, { headers, body, expect: [200, 201, 204] });
  const response = await context.session.attempt(request, options);
  await response.body.discard();
}

/** A request to an upload session. */
export function uploadRequest(
  context: RepositoryContext,
  method: HttpMethod,
  target: URL,
  rest: {
    readonly expect: readonly number[];
    readonly headers?: Record<string, string>;
    readonly body?: StreamBody | Uint8Array;
  },
): RegistryRequest {
  return { method, target, kind: "upload", scopes: [pushScope(context.repository)], ...rest };
}

/** Cleaning up is worth a moment, no more: registries expire abandoned sessions by themselves. Milliseconds. */
const cancelTimeoutMs = 2_000;

/** Gives an upload session back. Never throws: the failure that led here is what matters. */
export async function cancelUpload(context: RepositoryContext, location: URL): Promise<void> {
  try {
    const request = uploadRequest(context, "DELETE", location, { expect: [200, 202, 204, 404, 405] });
    const response = await context.session.attempt(request, { signal: AbortSignal.timeout(cancelTimeoutMs) });
    await response.body.discard();
  } catch {
    // see above
  }
}

/** Mounts a blob from another repository of the same registry. False when the registry would rather be sent the bytes. */
export async function mountBlob(
  context: RepositoryContext,
  digest: Digest,
  from: string,
  options?: AbortOptions,
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from });
  try {
    const response = await context.session.send(
      {
        method: "POST",
        target: `/v2/${context.repository}/blobs/uploads/?${query}`,
        kind: "upload",
        scopes: [pushScope(context.repository), pullScope(from)],
        body: new Uint8Array(),
        expect: [201, 202],
      },
      options,
    );
    await response.body.discard();
    if (response.status === 201) return true;
    await cancelUpload(context, locationOf(response)); // it opened an upload instead
    return false;
  } catch (error) {
    if (error instanceof RegistryError && !error.retryable) return false; // pushing will show what is really wrong
    throw error;
  }
}

/** `Location`, absolute. @throws {UnexpectedReplyError} unless it is http or https, and no less secure than the request */
export function locationOf(response: HttpResponse): URL {
  const location = response.header("location") ?? "";
  const from = response.request.url;
  if (location !== "" && URL.canParse(location, from.href)) {
    const url = new URL(location, from);
    if (url.protocol === "https:" || (url.protocol === "http:" && from.protocol === "http:")) return url;
  }
  throw new UnexpectedReplyError("the registry gave no usable Location for the upload", {
    request: requestName(response),
  });
}

async function* exactly(
  source: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  what: string,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const piece of source) {
    sent += piece.byteLength;
    if (sent > sizeBytes) break;
    yield piece;
  }
  if (sent !== sizeBytes) throw new SizeMismatchError(what, sizeBytes, sent);
}
