import binding from "zstd-napi/binding.js";
import { InvalidFormatError } from "../invalid-format-error.js";

/** Equals gzip -6 in size on 256 KiB chunks at a tenth of its time. docs/adr/0003-chunking.md */
export const compressionLevel = 3;

const zstdMagic = 0xfd2fb528;
/** A block of 4 bytes, its smallest size, gives at most 128 KiB (RFC 8878 §3.1.1.2). */
const maxExpansion = 32 * 1024;
/** Compressing a chunk of 1 MiB takes no new memory. Bytes. */
const scratchBytes: number = binding.compressBound(1024 * 1024);
/** By level. */
const compressing = new Map<number, binding.CCtx>();
let scratch: Uint8Array | undefined;
let decompressing: binding.DCtx | undefined;

/** One zstd frame that declares its content size, without checksum and dictionary. The same bytes give the same frame. */
export function compressFrame(bytes: Uint8Array): Uint8Array {
  return inScratch(bytes, compressionLevel).slice();
}

/**
 * As {@link compressFrame}, into memory of the caller.
 *
 * @param level of zstd; another than the usual one for startup blobs only
 * @returns the bytes that the frame takes
 * @throws {RangeError} if it does not fit
 */
export function compressFrameInto(bytes: Uint8Array, target: Uint8Array, level: number = compressionLevel): number {
  const frame = inScratch(bytes, level);
  target.set(frame);
  return frame.length;
}

/** The frame, in memory that the next one takes. */
function inScratch(bytes: Uint8Array, level: number): Uint8Array {
  scratch ??= new Uint8Array(scratchBytes);
  const bound = binding.compressBound(bytes.length);
  const target = bound <= scratchBytes ? scratch : new Uint8Array(bound);
  return target.subarray(0, compressorOf(level).compress2(target, bytes));
}

/**
 * The content of exactly one frame of exactly `expectedBytes`, in a buffer of its own. The declared size is checked before any memory is taken.
 *
 * @throws {InvalidFormatError} naming `part` when the frame declares another size or none, needs a dictionary, is damaged, is skippable, or is followed by anything
 */
export function decompressFrame(frame: Uint8Array, expectedBytes: number, part: string): Uint8Array<ArrayBuffer> {
  requireContentSize(frame, expectedBytes, part);
  const content = new Uint8Array(Buffer.allocUnsafeSlow(expectedBytes).buffer); // filled whole, or never seen
  decompressChecked(frame, content, part);
  return content;
}

/** As {@link decompressFrame}, into memory of the caller, which is filled to its end. */
export function decompressFrameInto(frame: Uint8Array, target: Uint8Array, part: string): void {
  requireContentSize(frame, target.length, part);
  decompressChecked(frame, target, part);
}

/**
 * The content size that a frame declares in its header (RFC 8878 §3.1.1.1).
 *
 * @throws {InvalidFormatError} when the bytes start no zstd frame, or one without a content size or with a dictionary
 */
export function declaredContentBytes(frame: Uint8Array, part: string): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6) throw new InvalidFormatError(part, "frame header", "at least 6 bytes", frame.length);
  const magic = view.getUint32(0, true);
  if (magic !== zstdMagic)
    throw new InvalidFormatError(part, "frame header", "the zstd magic", `0x${magic.toString(16)}`);
  const descriptor = view.getUint8(4);
  if ((descriptor & 0b1011) !== 0) {
    throw new InvalidFormatError(
      part,
      "frame header",
      "no dictionary, reserved bit clear",
      `0x${descriptor.toString(16)}`,
    );
  }
  const singleSegment = (descriptor & 0b10_0000) !== 0;
  const at = singleSegment ? 5 : 6;
  const flag = descriptor >> 6;
  if (flag === 0 && !singleSegment) throw new InvalidFormatError(part, "frame header", "a content size", "none");
  const width = [1, 2, 4, 8][flag] ?? 8;
  if (frame.length < at + width)
    throw new InvalidFormatError(part, "frame header", `${at + width} bytes`, frame.length);
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, true) + 256;
  return view.getUint32(at, true) + (width === 8 ? view.getUint32(at + 4, true) * 2 ** 32 : 0);
}

function compressorOf(level: number): binding.CCtx {
  const known = compressing.get(level);
  if (known !== undefined) return known;
  const context = new binding.CCtx();
  context.setParameter(binding.CParameter.compressionLevel, level);
  compressing.set(level, context);
  return context;
}

function requireContentSize(frame: Uint8Array, expectedBytes: number, part: string): void {
  const declared = declaredContentBytes(frame, part);
  if (declared !== expectedBytes) {
    throw new InvalidFormatError(part, "content size of the frame", `${expectedBytes} bytes`, declared);
  }
  if (declared > frame.length * maxExpansion) {
    throw new InvalidFormatError(part, "frame", `a size that can give ${declared} bytes`, `${frame.length} bytes`);
  }
}

function decompressChecked(frame: Uint8Array, target: Uint8Array, part: string): void {
  decompressing ??= new binding.DCtx();
  let frameBytes = 0;
  let written = 0;
  try {
    frameBytes = binding.findFrameCompressedSize(frame);
    if (frameBytes === frame.length) written = decompressing.decompress(target, frame);
  } catch (cause) {
    throw new InvalidFormatError(part, "frame", "a whole zstd frame", String(cause), { cause });
  }
  if (frameBytes !== frame.length) {
    throw new InvalidFormatError(part, "frame", `an end at byte ${frame.length}`, `an end at byte ${frameBytes}`);
  }
  if (written !== target.length) throw new InvalidFormatError(part, "frame", `${target.length} bytes`, written);
}
