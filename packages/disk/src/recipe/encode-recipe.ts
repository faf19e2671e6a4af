import { readU64, viewOf } from "../binary/integers.js";
import { blockSizeBytes } from "../blocks.js";
import { ZstdEncoder } from "../frames/zstd-stream.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { encodeHead, headMemory } from "./encode-instruction.js";
import { opcode } from "./instruction.js";

const part = "spooled recipe";
const none = new Uint8Array(0);

/** What an instruction takes, for a literal without its bytes. docs/format.md §2.5 */
const headBytes: Readonly<Record<number, number>> = {
  [opcode.end]: 1 + 8 + 32,
  [opcode.literal]: 1 + 4,
  [opcode.zeros]: 1 + 8,
  [opcode.numberedFile]: 1 + 4 + 8 + 8,
};

/**
 * Second pass of writing a recipe: the payload of the recipe section, piece by piece.
 *
 * @param spool what the first pass gave its sink
 * @param startBlocks first block in the data space of each file, by the numbers of the first pass; equal files share one
 * @throws {RangeError} if a file number has no start block
 * @throws {InvalidFormatError} if the spool is not as it was written
 */
export async function* encodeRecipe(
  spool: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  startBlocks: Uint32Array,
): AsyncGenerator<Uint8Array> {
  const encoder = new ZstdEncoder();
  const placer = new FilePlacer(startBlocks);
  for await (const piece of spool) {
    for (const placed of placer.push(piece)) yield* encoder.push(placed);
  }
  placer.end();
  yield* encoder.end();
}

/** Puts places for the numbers of files. Everything else passes as it is, so no instruction but that is looked into. */
class FilePlacer {
  readonly #startBlocks: Uint32Array;
  readonly #head = headMemory();
  /** The start of an instruction whose rest is in the next piece. */
  #cut: Uint8Array = none;
  /** Bytes of the literal under way. */
  #literalLeft = 0;
  #ended = false;

  constructor(startBlocks: Uint32Array) {
    this.#startBlocks = startBlocks;
  }

  /** What it gives is valid until the next one is asked for. */
  *push(piece: Uint8Array): Generator<Uint8Array> {
    const bytes = this.#cut.length === 0 ? piece : Buffer.concat([this.#cut, piece]);
    const view = viewOf(bytes);
    let passed = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#literalLeft > 0) {
        const part = Math.min(this.#literalLeft, bytes.length - at);
        this.#literalLeft -= part;
        at += part;
        continue;
      }
      const size = this.#headBytes(view.getUint8(at));
      if (at + size > bytes.length) break;
      const code = view.getUint8(at);
      if (code === opcode.numberedFile) {
        yield bytes.subarray(passed, at);
        yield this.#placed(view, at);
        passed = at + size;
      } else if (code === opcode.literal) this.#literalLeft = view.getUint32(at + 1, true);
      else if (code === opcode.end) this.#ended = true;
      at += size;
    }
    yield bytes.subarray(passed, at);
    this.#cut = at === bytes.length ? none : bytes.slice(at);
  }

  end(): void {
    if (!this.#ended) throw new InvalidFormatError(part, "end", "an end instruction", "none");
  }

  #headBytes(code: number): number {
    const size = this.#ended ? undefined : headBytes[code];
    if (size === undefined) throw new InvalidFormatError(part, "instruction", "an opcode that was written", code);
    return size;
  }

  #placed(view: DataView, at: number): Uint8Array {
    const file = view.getUint32(at + 1, true);
    const startBlock = this.#startBlocks[file];
    if (startBlock === undefined) {
      throw new RangeError(`file ${file}: ${this.#startBlocks.length} start blocks given`);
    }
    const offset = startBlock * blockSizeBytes + readU64(view, at + 5, part, "offset");
    const sizeBytes = readU64(view, at + 13, part, "length");
    return encodeHead({ kind: "file", offset, sizeBytes }, this.#head);
  }
}
