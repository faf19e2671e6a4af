import binding from "zstd-napi/binding.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { compressionLevel } from "./zstd-frame.js";

/** What the encoder hands to zstd at once: one zstd block. Fixed, because the frame depends on it. Bytes. */
const feedBytes = 128 * 1024;
/** A frame whose window is larger is refused: 8 MiB. */
const maxWindowLog = 23;
/** Contexts at rest. Each holds megabytes outside the heap, which the garbage collector does not see and frees late. */
const restingEncoders: binding.CCtx[] = [];
const restingDecoders: binding.DCtx[] = [];
const maxResting = 4;
const none: readonly Uint8Array[] = [];
const zstdMagicBytes = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Makes one zstd frame piece by piece in bounded memory. How the bytes are split between calls does not change the frame. */
export class ZstdEncoder {
  #context: binding.CCtx | undefined;
  readonly #feed = new Uint8Array(feedBytes);
  readonly #output = new Uint8Array(binding.cStreamOutSize());
  #fed = 0;

  constructor(level: number = compressionLevel) {
    this.#context = restingEncoders.pop() ?? new binding.CCtx();
    this.#context.setParameter(binding.CParameter.compressionLevel, level);
  }

  /** The next pieces of the frame; often none. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    if (bytes.length < feedBytes - this.#fed) {
      this.#feed.set(bytes, this.#fed);
      this.#fed += bytes.length;
      return none;
    }
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + feedBytes - this.#fed);
      this.#feed.set(part, this.#fed);
      this.#fed += part.length;
      at += part.length;
      if (this.#fed === feedBytes) this.#compress(binding.EndDirective.continue, pieces);
    }
    return pieces;
  }

  /** The last pieces. The encoder is spent. */
  end(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    this.#compress(binding.EndDirective.end, pieces);
    if (this.#context !== undefined && restingEncoders.length < maxResting) restingEncoders.push(this.#context);
    this.#context = undefined;
    return pieces;
  }

  #compress(directive: binding.EndDirective, pieces: Uint8Array[]): void {
    const context = this.#context;
    if (context === undefined) throw new RangeError("this encoder has ended");
    let rest = this.#feed.subarray(0, this.#fed);
    this.#fed = 0;
    for (;;) {
      const [remaining, produced, consumed] = context.compressStream2(this.#output, rest, directive);
      if (produced > 0) pieces.push(this.#output.slice(0, produced));
      rest = rest.subarray(consumed);
      const flushed = directive === binding.EndDirective.continue || remaining === 0;
      if (rest.length === 0 && flushed) return;
    }
  }
}

/**
 * The content of a stream that is exactly one zstd frame, in pieces that are valid until the next one is asked for.
 *
 * @throws {InvalidFormatError} naming `part` when the stream is no zstd frame, is cut short, or goes on after the frame
 */
export async function* decompressStream(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  part: string,
): AsyncGenerator<Uint8Array> {
  const context = restingDecoders.pop() ?? newDecoder();
  const output = new Uint8Array(binding.dStreamOutSize());
  let ended = false;
  let read = 0;
  try {
    for await (const piece of source) {
      requireMagic(piece, read, part);
      read += piece.length;
      let rest = piece;
      let full = false;
      while (rest.length > 0 || full) {
        if (ended) throw new InvalidFormatError(part, "frame", "nothing after it", `${rest.length} bytes or more`);
        const [hint, produced, consumed] = step(context, output, rest, part);
        rest = rest.subarray(consumed);
        ended = hint === 0;
        full = !ended && produced === output.length;
        if (produced > 0) yield output.subarray(0, produced);
      }
    }
  } finally {
    context.reset(binding.ResetDirective.sessionOnly);
    if (restingDecoders.length < maxResting) restingDecoders.push(context);
  }
  if (!ended) throw new InvalidFormatError(part, "frame", "an end", `none in ${read} bytes`);
}

function newDecoder(): binding.DCtx {
  const context = new binding.DCtx();
  context.setParameter(binding.DParameter.windowLogMax, maxWindowLog);
  return context;
}

/** zstd would skip a skippable frame without a word. */
function requireMagic(piece: Uint8Array, streamAt: number, part: string): void {
  for (let at = streamAt; at < zstdMagicBytes.length && at - streamAt < piece.length; at++) {
    const byte = piece[at - streamAt];
    if (byte !== zstdMagicBytes[at]) throw new InvalidFormatError(part, `byte ${at}`, "the zstd magic", byte);
  }
}

function step(context: binding.DCtx, output: Uint8Array, input: Uint8Array, part: string): binding.StreamResult {
  try {
    return context.decompressStream(output, input);
  } catch (cause) {
    throw new InvalidFormatError(part, "frame", "a whole zstd frame", String(cause), { cause });
  }
}
