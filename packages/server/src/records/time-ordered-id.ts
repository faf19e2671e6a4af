import { randomBytes } from "node:crypto";

let lastMs = 0;

/**
 * A UUID, version 7 (RFC 9562): later ones sort behind earlier ones, so that lists by key are lists by age. Those that one process makes within a
 * millisecond run ahead of the clock to stay in order; of two processes' the order is that of their clocks.
 * @param ofMs another time than now. Milliseconds since 1970
 */
export function timeOrderedId(ofMs?: number): string {
  const bytes = randomBytes(16);
  if (ofMs === undefined) lastMs = Math.max(Date.now(), lastMs + 1);
  bytes.writeUIntBE(ofMs ?? lastMs, 0, 6);
  bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
