import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { AbortOptions, LayerCompression } from "@sluice/oci";
import binding from "zstd-napi/binding.js";

/** The bytes of a layer are not what their media type says, or are cut off. */
export class DecompressionError extends Error {
  override readonly name = "DecompressionError";
  readonly code = "DECOMPRESSION_FAILED";
  constructor(format: string, cause: unknown) {
    super(`not a whole ${format} stream: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** What is unpacked at once, and how much of it gunzip, in a thread of its own, may be ahead. Bytes. */
const pieceBytes = 512 * 1024;
const gunzipOptions = { chunkSize: pieceBytes, highWaterMark: 4 * pieceBytes };
/** 128 MiB, the largest window that `zstd -d` takes unasked. */
const maxWindowLog = 27;

/**
 * The tar of a layer, in pieces that are valid until the next one is asked for. However far the layer expands, no more than a few
 * pieces are in memory.
 *
 * Errors of `source` come through as they are. @throws {DecompressionError} for what is no such stream
 */
export function unpacked(
  source: AsyncIterable<Uint8Array>,
  compression: LayerCompression,
  options?: AbortOptions,
): AsyncGenerator<Buffer> {
  if (compression === "gzip") return gunzipped(source, options);
  return compression === "zstd" ? unzstd(source) : plain(source);
}

async function* plain(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of source) yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}

async function* gunzipped(source: AsyncIterable<Uint8Array>, options?: AbortOptions): AsyncGenerator<Buffer> {
  let sourceFailure: { readonly error: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      sourceFailure = { error };
      throw error;
    }
  }
  const gunzip = createGunzip(gunzipOptions);
  const fed = pipeline(Readable.from(watched()), gunzip, { ...(options?.signal && { signal: options.signal }) });
  fed.catch(() => undefined); // the loop reports it
  try {
    for await (const piece of gunzip) yield piece as Buffer; // gunzip writes buffers
    await fed;
  } catch (error) {
    options?.signal?.throwIfAborted();
    throw sourceFailure === undefined ? new DecompressionError("gzip", error) : sourceFailure.error;
  } finally {
    gunzip.destroy();
    await fed.catch(() => undefined);
  }
}

/** One frame or several; skippable ones give nothing. */
async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const context = new binding.DCtx();
  context.setParameter(binding.DParameter.windowLogMax, maxWindowLog);
  const output = Buffer.allocUnsafe(pieceBytes);
  let midFrame = true;
  for await (const piece of source) {
    let rest = piece;
    for (let full = false; rest.length > 0 || full; ) {
      const [hint, produced, consumed] = zstdStep(context, output, rest);
      rest = rest.subarray(consumed);
      midFrame = hint !== 0;
      full = midFrame && produced === output.length;
      if (produced > 0) yield output.subarray(0, produced);
    }
  }
  if (midFrame) throw new DecompressionError("zstd", "it ends early");
}

function zstdStep(context: binding.DCtx, output: Buffer, input: Uint8Array): binding.StreamResult {
  try {
    return context.decompressStream(output, input);
  } catch (error) {
    throw new DecompressionError("zstd", error);
  }
}
