import {
  type AbortOptions,
  algorithmOf,
  type ByteRange,
  type ContentDigest,
  type ExpectedContent,
  hexOf,
  isContentDigest,
  verifyStream,
} from "@sluice/oci/content";
import { LRUCache } from "lru-cache";
import { BlobMissingError } from "../blob-errors.js";
import type { BlobStore, ListedBlob, SizeOptions } from "../blob-store.js";
import { partBytes, partsOf } from "./part-pieces.js";
import type { S3Bucket } from "./s3-bucket.js";

/** Long enough for a read that is taken up again over a slow link, short enough that a link that leaks is soon worth nothing. */
const linkLifeSeconds = 20 * 60;

/** About 2 MB of digests and numbers. */
const rememberedSizes = 10_000;

/** {@link BlobStore} as objects `blobs/sha256/ab/abcd…` of an S3 bucket. Any number of processes share it. */
export class S3BlobStore implements BlobStore {
  readonly #bucket: S3Bucket;
  /** Of blobs that were there once: what has a digest has one size for ever, but may be removed by any process. */
  readonly #sizes = new LRUCache<ContentDigest, number>({ max: rememberedSizes });

  readonly #givesLinks: boolean;

  /** @param options `givesLinks`: those who read blobs can reach the bucket */
  constructor(bucket: S3Bucket, options: { readonly givesLinks?: boolean | undefined } = {}) {
    this.#bucket = bucket;
    this.#givesLinks = options.givesLinks === true;
  }

  async has(digest: ContentDigest, options?: AbortOptions): Promise<boolean> {
    return (await this.sizeOf(digest, options)) !== undefined;
  }

  async sizeOf(digest: ContentDigest, options?: SizeOptions): Promise<number | undefined> {
    const remembered = options?.mayBeRemembered === true ? this.#sizes.get(digest) : undefined;
    if (remembered !== undefined) return remembered;
    const size = await this.#bucket.sizeOf(keyOfBlob(digest), options);
    if (size !== undefined) this.#sizes.set(digest, size);
    return size;
  }

  async linkTo(digest: ContentDigest): Promise<URL | undefined> {
    return this.#givesLinks ? await this.#bucket.linkTo(keyOfBlob(digest), linkLifeSeconds) : undefined;
  }

  async *read(digest: ContentDigest, range?: ByteRange, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const size = await this.sizeOf(digest, { ...options, mayBeRemembered: true });
    if (size === undefined) throw new BlobMissingError(digest, "the bucket");
    const { start, end } = range ?? { start: 0, end: size };
    if (!(Number.isSafeInteger(start) && start >= 0 && start <= end && end <= size)) {
      throw new RangeError(`blob ${digest} of ${size} bytes: cannot read ${start} to ${end}`);
    }
    if (start === end) return;
    const bytes = await this.#bucket.read(keyOfBlob(digest), start, end, options);
    if (bytes === undefined) {
      this.#sizes.delete(digest);
      throw new BlobMissingError(digest, "the bucket");
    }
    yield* bytes;
  }

  async put(expected: ExpectedContent, source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    if (await this.has(expected.digest, options)) {
      await source[Symbol.asyncIterator]().return?.();
      return;
    }
    const verified = abortable(verifyStream(source, expected, `blob ${expected.digest}`), options);
    await putParts(this.#bucket, keyOfBlob(expected.digest), partsOf(verified));
  }

  async delete(digest: ContentDigest, options?: AbortOptions): Promise<boolean> {
    if (!(await this.has(digest, options))) return false;
    await this.#bucket.delete(keyOfBlob(digest), options);
    return true;
  }

  async *list(options?: AbortOptions): AsyncGenerator<ListedBlob> {
    for await (const { key, sizeBytes, changedAtMs } of this.#bucket.list("blobs/", options)) {
      const [, algorithm, , hex] = key.split("/");
      const digest = `${algorithm}:${hex}`;
      if (isContentDigest(digest)) yield { digest, sizeBytes, storedAtMs: changedAtMs };
    }
  }
}

/** Made of the hash alone: nothing from outside is in it. */
export const keyOfBlob = (digest: ContentDigest): string =>
  `blobs/${algorithmOf(digest)}/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}`;

/** One object of the parts, visible when the last of them has come without an error. A small one takes one request. */
export async function putParts(bucket: S3Bucket, key: string, parts: AsyncGenerator<Uint8Array>): Promise<void> {
  const first = await parts.next();
  const bytes = first.done === true ? new Uint8Array(0) : first.value;
  if (bytes.byteLength < partBytes) {
    // Shorter than a part: the last one, if its source does not fail yet.
    await parts.next();
    await bucket.put(key, bytes);
    return;
  }
  await bucket.assemble(
    key,
    (async function* () {
      yield bytes;
      yield* parts;
    })(),
  );
}

async function* abortable(source: AsyncIterable<Uint8Array>, options?: AbortOptions): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    options?.signal?.throwIfAborted();
    yield bytes;
  }
}
