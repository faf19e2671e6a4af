import { compressFrame } from "@sluice/disk";
import { type AbortOptions, type ByteRange, type Digest, sha256Of } from "@sluice/oci/content";
import type { VerifiedChunk } from "../chunk/chunk-source.js";
import type { BlobRangeSource } from "../fetch/blob-ranges.js";
import type { ChunkFetcher } from "../fetch/chunk-fetcher.js";
import type { ChunkPlace, FetchCause } from "../fetch/fetch-request.js";

/** The blob of a {@link FakeRegistry}. */
export const blob: Digest = sha256Of("the blob");

/** A blob of frames back to back, served in small pieces; records who asks, and does to the stream what a test wants. */
export class FakeRegistry implements BlobRangeSource {
  readonly places: ChunkPlace[] = [];
  readonly asked: ByteRange[] = [];
  readonly #bytes: Buffer;
  open = 0;
  /** Called before each piece. */
  before: (range: ByteRange, position: number, signal: AbortSignal | undefined) => Promise<void> = async () =>
    undefined;
  /** What becomes of the bytes. */
  change: (piece: Buffer, attempt: number) => Buffer | undefined = (piece) => piece;

  constructor(chunks: readonly VerifiedChunk[]) {
    const frames: Uint8Array[] = [];
    let at = 0;
    for (const { id, bytes } of chunks) {
      const frame = compressFrame(bytes);
      frames.push(frame);
      this.places.push({ id, sizeBytes: bytes.length, blob, frame: { start: at, end: at + frame.length } });
      at += frame.length;
    }
    this.#bytes = Buffer.concat(frames);
  }

  async *read(_blob: Digest, range: ByteRange, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    this.asked.push(range);
    const attempt = this.asked.length;
    this.open++;
    try {
      for (let at = range.start; at < range.end; at += 1000) {
        await this.before(range, at, options?.signal);
        options?.signal?.throwIfAborted();
        const piece = this.change(Buffer.from(this.#bytes.subarray(at, Math.min(at + 1000, range.end))), attempt);
        if (piece === undefined) return;
        yield piece;
      }
    } finally {
      this.open--;
    }
  }

  place(i: number): ChunkPlace {
    const place = this.places[i];
    if (place === undefined) throw new RangeError(`no chunk ${i}`);
    return place;
  }
}

/** Fetches a chunk and gives a copy of its bytes. */
export async function fetched(
  fetcher: ChunkFetcher,
  place: ChunkPlace,
  cause: FetchCause,
  options?: AbortOptions,
): Promise<Uint8Array> {
  let copy: Uint8Array | undefined;
  const use = (bytes: Uint8Array): void => {
    copy = new Uint8Array(bytes);
  };
  await fetcher.fetch(place, cause, use, options);
  if (copy === undefined) throw new Error("the bytes were not given");
  return copy;
}
