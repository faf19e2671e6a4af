import type { AbortOptions, ByteRange, Digest, Repository } from "@sluice/oci";
import type { BlobRangeSource } from "@sluice/store";

/** Nobody who holds this blob is known here any more: its last disk was closed. */
export class NoPlaceError extends Error {
  override readonly name = "NoPlaceError";
  readonly code = "NO_PLACE";
}

/**
 * Which repositories hold which blob. A blob that several images share is read from the first place that gives it, and goes on at the next
 * place where one broke off: bytes of a digest are the same everywhere, and whoever reads them proves it. Each place is asked once: whoever fetches
 * chunks tries again.
 */
export class BlobPlaces implements BlobRangeSource {
  readonly #places = new Map<Digest, Repository[]>();

  /** Until the answer is called, `repository` is asked for these blobs, after those that were added before it. */
  add(blobs: readonly Digest[], repository: Repository): () => void {
    const distinct = new Set(blobs);
    for (const blob of distinct) this.#places.set(blob, [...this.#of(blob), repository]);
    return () => {
      for (const blob of distinct) this.#remove(blob, repository);
      distinct.clear();
    };
  }

  async *read(blob: Digest, range: ByteRange, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const places = this.#of(blob);
    const failures: unknown[] = [];
    let start = range.start;
    for (const place of places) {
      try {
        for await (const piece of place.readBlobRange(blob, { start, end: range.end }, { ...options, attempts: 1 })) {
          start += piece.byteLength;
          yield piece;
        }
        return;
      } catch (error) {
        options?.signal?.throwIfAborted();
        failures.push(error);
      }
    }
    if (failures.length === 0) throw new NoPlaceError(`blob ${blob}: no registry is known to hold it`);
    if (failures.length === 1) throw failures[0];
    throw new AggregateError(
      failures,
      `blob ${blob}: none of ${places.length} places gave it: ${messagesOf(failures)}`,
    );
  }

  doubt(blob: Digest): void {
    for (const place of this.#of(blob)) place.doubt?.(blob);
  }

  #of(blob: Digest): readonly Repository[] {
    return this.#places.get(blob) ?? [];
  }

  #remove(blob: Digest, repository: Repository): void {
    const places = [...this.#of(blob)];
    const at = places.indexOf(repository);
    if (at >= 0) places.splice(at, 1);
    if (places.length > 0) this.#places.set(blob, places);
    else this.#places.delete(blob);
  }
}

const messagesOf = (errors: readonly unknown[]): string =>
  errors.map((error) => (error instanceof Error ? error.message : String(error))).join("; ");
