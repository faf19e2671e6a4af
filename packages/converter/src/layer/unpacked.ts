import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { AbortOptions, LayerCompression } from "@sluice/oci";
import { DecompressStream } from "zstd-napi";

/** The bytes of a layer are not what their media type says, or are cut off. */
export class DecompressionError extends Error {
  override readonly name = "DecompressionError";
  readonly code = "DECOMPRESSION_FAILED";
}

/** Pieces that gunzip gives, and how much of them may wait: it works in a thread of its own meanwhile. Bytes. */
const pieceBytes = 512 * 1024;
const gunzipOptions = { chunkSize: pieceBytes, highWaterMark: 4 * pieceBytes };

/**
 * The tar of a layer.
 *
 * Errors of `source` come through as they are. @throws {DecompressionError} for what is no such stream
 */
export async function* unpacked(
  source: AsyncIterable<Uint8Array>,
  compression: LayerCompression,
  options?: AbortOptions,
): AsyncGenerator<Buffer> {
  if (compression === "none") {
    for await (const piece of source) yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    return;
  }
  const decompressor: Transform =
    compression === "gzip" ? createGunzip(gunzipOptions) : new DecompressStream({ windowLogMax: 27 }); // 128 MiB, the most that `zstd -d` takes unasked
  let sourceFailure: { readonly error: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      sourceFailure = { error };
      throw error;
    }
  }
  const fed = pipeline(Readable.from(watched()), decompressor, { ...(options?.signal && { signal: options.signal }) });
  fed.catch(() => undefined);
  try {
    for await (const piece of decompressor) yield piece as Buffer; // both write buffers
    await fed;
  } catch (error) {
    options?.signal?.throwIfAborted();
    if (sourceFailure !== undefined) throw sourceFailure.error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DecompressionError(`not a whole ${compression} stream: ${reason}`, { cause: error });
  } finally {
    decompressor.destroy();
    await fed.catch(() => undefined);
  }
}
