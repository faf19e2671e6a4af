import { createHash } from "node:crypto";
import { hashOfDigest, sha256Of } from "@sluice/oci/content";
import { type VerifiedChunk, verifyChunk } from "../chunk/chunk-source.js";

/** Bytes that depend on the seed alone; no two blocks of 4 KiB are alike. */
export function seededBytes(seed: number | string, sizeBytes: number): Uint8Array {
  const bytes = Buffer.alloc(sizeBytes);
  const block = createHash("sha512").update(String(seed)).digest();
  for (let at = 0; at < sizeBytes; at += block.length) {
    block.copy(bytes, at);
    block.writeUInt32LE((Math.imul(block.readUInt32LE(at % 61), 0x9e37_79b1) + at) >>> 0, (at / 64) % 61);
  }
  return bytes;
}

export function seededChunk(seed: number | string, sizeBytes: number = 64 * 1024): VerifiedChunk {
  const bytes = seededBytes(seed, sizeBytes);
  return verifyChunk(sha256Of(bytes), bytes);
}

/** As {@link ChunkStore.bind} takes them. */
export function claimsOf(chunks: readonly VerifiedChunk[]): { ids: Uint8Array; lengths: Uint32Array } {
  return {
    ids: Buffer.concat(chunks.map((chunk) => hashOfDigest(chunk.id))),
    lengths: Uint32Array.from(chunks, (chunk) => chunk.bytes.byteLength),
  };
}
