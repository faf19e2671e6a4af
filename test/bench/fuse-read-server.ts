/**
 * Serves one file from a full chunk store, as the daemon does, until its mount is taken away. What fuse-read.ts measures. Needs root.
 *
 *     node test/bench/run.js fuse-read-server FILE STORE DIRECTORY
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOfHash } from "@sluice/oci";
import { FuseSession, isMountpoint, type MountableDisk, readAheadBytesOf } from "@sluice/snapshotter";
import { type ChunkStore, openChunkStore, verifyChunk } from "@sluice/store";

const chunkBlocks = 64;
const chunkBytes = chunkBlocks * 4096;

export async function main([source = "", folder = "", mountpoint = ""]: readonly string[]): Promise<void> {
  await using file = await open(source);
  const { size: sizeBytes } = await file.stat();
  const chunks = await openChunkStore({ folder, budgetBytes: sizeBytes * 2 });
  const disk = await fill(chunks, file, sizeBytes);
  const session = await FuseSession.open({
    mountpoint,
    chunks,
    readAheadBytes: readAheadBytesOf.wide, // as on every disk that is whole
    readMiss: () => Promise.reject(new Error("a bench of hits has missed")),
    onEvent: (event) => console.error(event),
  });
  session.addDisk({ name: "file", sizeBytes, ...disk });
  process.stdout.write("ready\n");
  while (await isMountpoint(mountpoint)) await sleep(100);
  await session.close({ force: true });
  await chunks.close();
}

async function fill(
  chunks: ChunkStore,
  file: { read(into: Buffer, offset: number, length: number, position: number): Promise<unknown> },
  sizeBytes: number,
): Promise<Pick<MountableDisk, "startBlock" | "blocks" | "slots" | "offsetInChunk">> {
  const count = Math.ceil(sizeBytes / chunkBytes);
  const lengths = Uint32Array.from({ length: count }, (_, row) => Math.min(chunkBytes, sizeBytes - row * chunkBytes));
  const ids = Buffer.alloc(count * 32);
  for (const [row, length] of lengths.entries()) {
    const piece = Buffer.alloc(length);
    await file.read(piece, 0, length, row * chunkBytes);
    const id = createHash("sha256").update(piece).digest();
    id.copy(ids, row * 32);
    await chunks.put(verifyChunk(digestOfHash(id), piece));
  }
  const { slots } = await chunks.bind(ids, lengths);
  const startBlock = Uint32Array.from({ length: count }, (_, row) => row * chunkBlocks);
  return { startBlock, blocks: lengths.map((length) => length / 4096), slots, offsetInChunk: new Uint32Array(count) };
}
