import { InvalidFormatError } from "../invalid-format-error.js";

/** RFC 8878 §3.1.2. Any zstd tool passes over such a frame. */
const skippableMagic = 0x184d2a50;
/** Magic and payload size. Bytes. */
export const skippableHeaderBytes: number = 4 + 4;

/** The header in front of a payload. @throws {RangeError} if the payload does not fit 32 bits */
export function skippableHeader(payloadBytes: number): Uint8Array {
  if (payloadBytes > 0xffff_ffff) throw new RangeError(`section of ${payloadBytes} bytes: at most 4 GiB - 1`);
  const header = new Uint8Array(skippableHeaderBytes);
  const view = new DataView(header.buffer);
  view.setUint32(0, skippableMagic, true);
  view.setUint32(4, payloadBytes, true);
  return header;
}

/** Checks the header of a frame that is known to take `frameBytes` in all. @throws {InvalidFormatError} */
export function checkSkippableHeader(header: Uint8Array, frameBytes: number, part: string): void {
  if (header.length < skippableHeaderBytes) throw new InvalidFormatError(part, "header", "8 bytes", header.length);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const magic = view.getUint32(0, true);
  if (magic !== skippableMagic) {
    throw new InvalidFormatError(part, "magic", "0x184d2a50", `0x${magic.toString(16)}`);
  }
  const payload = view.getUint32(4, true);
  if (payload !== frameBytes - skippableHeaderBytes) {
    throw new InvalidFormatError(part, "payload size", `${frameBytes - skippableHeaderBytes}`, payload);
  }
}
