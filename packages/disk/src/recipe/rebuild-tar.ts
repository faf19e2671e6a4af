import { createHash } from "node:crypto";
import { type AbortOptions, type ByteRange, type Digest, DigestMismatchError, digestOfHash } from "@sluice/oci/content";
import { InvalidFormatError } from "../invalid-format-error.js";
import type { RecipeInstruction } from "./instruction.js";

/** Verified bytes of the layer's data space: exactly those of `range`, in order, in pieces of any size. */
export type ReadData = (range: ByteRange, options?: AbortOptions) => AsyncIterable<Uint8Array>;

export interface RebuildOptions extends AbortOptions {
  /** The length the tar must have, when it is known from elsewhere. Stops a recipe that would go on. Bytes. */
  readonly tarBytes?: number | undefined;
  /** The DiffID of the image's config. */
  readonly diffId?: Digest | undefined;
}

const zeroPiece = new Uint8Array(64 * 1024);

/**
 * The layer's tar, byte for byte. Pieces are valid until the next one is asked for.
 *
 * The hash is compared after the last byte: a consumer that must not act on a wrong tar waits for the end.
 * @throws {DigestMismatchError} when the tar is not the one that the recipe, or `options.diffId`, names
 * @throws {InvalidFormatError} when the recipe is malformed or longer than `options.tarBytes`
 */
export async function* rebuildTar(
  recipe: AsyncIterable<RecipeInstruction>,
  readData: ReadData,
  options: RebuildOptions = {},
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  const maxBytes = options.tarBytes ?? Number.MAX_SAFE_INTEGER;
  let rebuilt = 0;
  for await (const instruction of recipe) {
    options.signal?.throwIfAborted();
    if (instruction.kind === "end") {
      checkEnd(instruction.tarBytes, digestOfHash(instruction.sha256), digestOfHash(hash.digest()), options);
      return;
    }
    for await (const piece of bytesOf(instruction, readData, options)) {
      rebuilt += piece.length;
      if (rebuilt > maxBytes) throw new InvalidFormatError("recipe", "length of the tar", `${maxBytes} bytes`, "more");
      hash.update(piece);
      yield piece;
    }
  }
  throw new InvalidFormatError("recipe", "last instruction", "end", "none");
}

async function* bytesOf(
  instruction: Exclude<RecipeInstruction, { kind: "end" }>,
  readData: ReadData,
  options: AbortOptions,
): AsyncGenerator<Uint8Array> {
  if (instruction.kind === "literal") {
    yield instruction.bytes;
  } else if (instruction.kind === "zeros") {
    for (let left = instruction.sizeBytes; left > 0; left -= zeroPiece.length) {
      options.signal?.throwIfAborted();
      yield zeroPiece.subarray(0, Math.min(left, zeroPiece.length));
    }
  } else {
    yield* contentOf(instruction.offset, instruction.sizeBytes, readData, options);
  }
}

async function* contentOf(
  start: number,
  sizeBytes: number,
  readData: ReadData,
  options: AbortOptions,
): AsyncGenerator<Uint8Array> {
  let given = 0;
  for await (const piece of readData({ start, end: start + sizeBytes }, options)) {
    given += piece.length;
    if (given > sizeBytes) break;
    yield piece;
  }
  if (given !== sizeBytes) throw new RangeError(`data space from ${start}: ${sizeBytes} bytes wanted, ${given} given`);
}

function checkEnd(recordedBytes: number, recorded: Digest, actual: Digest, options: RebuildOptions): void {
  if (options.tarBytes !== undefined && recordedBytes !== options.tarBytes) {
    throw new InvalidFormatError("recipe", "length of the tar", `${options.tarBytes} bytes`, recordedBytes);
  }
  if (actual !== recorded) throw new DigestMismatchError("rebuilt tar, against its recipe", recorded, actual);
  if (options.diffId !== undefined && actual !== options.diffId) {
    throw new DigestMismatchError("rebuilt tar, against the image's DiffID", options.diffId, actual);
  }
}
