import type { AbortOptions } from "../abort-options.js";
import { Hasher } from "../digest/hasher.js";
import type { BlobName } from "../repository/repository.js";
import { blobSize, cancelUpload, finishUpload, locationOf, startUpload, uploadRequest } from "./blob-writes.js";
import { receivedBytes, toUploadRange } from "./content-range.js";
import { requestName } from "./error-of-response.js";
import { UnexpectedReplyError } from "./errors.js";
import type { RepositoryContext } from "./repository-requests.js";
import { retrying } from "./retry.js";

/** Held in memory until the registry has it, so that a failed chunk can be sent again. Above every registry's minimum (S3: 5 MiB). */
const chunkBytes = 8 * 1024 * 1024;

/**
 * Uploads a stream of unknown length in chunks (PATCH), then names it by its digest (PUT). After a failed chunk the registry is asked what
 * it has, and the rest is sent. Gives the session back when it fails for good.
 */
export async function pushBlobStream(
  context: RepositoryContext,
  content: AsyncIterable<Uint8Array>,
  options?: AbortOptions,
): Promise<BlobName> {
  const location = await retrying(context.session.retry, () => startUpload(context, options), options);
  const upload = new ChunkedUpload(context, location);
  const hasher = new Hasher();
  try {
    for await (const chunk of inChunks(content, chunkBytes)) {
      hasher.update(chunk);
      await upload.append(chunk, options);
    }
    const blob = { digest: hasher.digest(), size: upload.sizeBytes };
    await upload.finish(blob, options);
    return blob;
  } catch (error) {
    await cancelUpload(context, upload.location);
    throw error;
  }
}

class ChunkedUpload {
  readonly #context: RepositoryContext;
  #location: URL;
  #sizeBytes = 0;

  constructor(context: RepositoryContext, location: URL) {
    this.#context = context;
    this.#location = location;
  }

  get location(): URL {
    return this.#location;
  }

  /** Bytes that the registry has. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async append(chunk: Uint8Array, options?: AbortOptions): Promise<void> {
    const start = this.#sizeBytes;
    const end = start + chunk.byteLength;
    const once = async (attempt: number): Promise<void> => {
      if (attempt > 1) this.#sizeBytes = await this.#askReceived(start, end, options);
      if (this.#sizeBytes === end) return;
      await this.#patch(chunk.subarray(this.#sizeBytes - start), options);
    };
    await retrying(this.#context.session.retry, once, options);
    this.#sizeBytes = end;
  }

  async finish(blob: BlobName, options?: AbortOptions): Promise<void> {
    const once = async (attempt: number): Promise<void> => {
      // the PUT whose answer was lost may have done it, and then its session is gone
      if (attempt > 1 && (await blobSize(this.#context, blob.digest, options)) === blob.size) return;
      await finishUpload(this.#context, this.#location, blob.digest, new Uint8Array(), options);
    };
    await retrying(this.#context.session.retry, once, options);
  }

  async #patch(bytes: Uint8Array, options?: AbortOptions): Promise<void> {
    const range = { start: this.#sizeBytes, end: this.#sizeBytes + bytes.byteLength };
    const headers = { "content-type": "application/octet-stream", "content-range": toUploadRange(range) };
    const request = uploadRequest(this.#context, "PATCH", this.#location, { headers, body: bytes, expect: [202, 204] });
    const response = await this.#context.session.attempt(request, options);
    await response.body.discard();
    this.#location = response.header("location") === undefined ? this.#location : locationOf(response);
  }

  /** @throws {UnexpectedReplyError} when the registry has less or more than what was sent can explain */
  async #askReceived(start: number, end: number, options?: AbortOptions): Promise<number> {
    const request = uploadRequest(this.#context, "GET", this.#location, { expect: [200, 204] });
    const response = await this.#context.session.attempt(request, options);
    await response.body.discard();
    const received = receivedBytes(response.header("range"));
    if (received < start || received > end) {
      const problem = `the registry has ${received} bytes of an upload, expected ${start} to ${end}`;
      throw new UnexpectedReplyError(problem, { request: requestName(response), status: response.status });
    }
    this.#location = response.header("location") === undefined ? this.#location : locationOf(response);
    return received;
  }
}

/** The same bytes in pieces of exactly `sizeBytes`, the last one excepted. Each piece is a fresh buffer. */
async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  sizeBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let chunk = Buffer.allocUnsafe(sizeBytes);
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.byteLength; ) {
      const taken = Math.min(sizeBytes - filled, piece.byteLength - at);
      chunk.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < sizeBytes) continue;
      yield chunk;
      chunk = Buffer.allocUnsafe(sizeBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
