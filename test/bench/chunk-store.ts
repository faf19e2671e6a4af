// What the chunk store does on this machine: node test/bench/run.js chunk-store, after a build. Prints one JSON document.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openChunkStore, SharedChunkReader } from "@sluice/store";
import { claimsOf, seededChunk } from "@sluice/store/testing";

const chunkBytes = 256 * 1024;
const count = 1000;
const secondsOf = async (work: () => Promise<void> | void): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

export async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const chunks = Array.from({ length: count }, (_, i) => seededChunk(i, chunkBytes));
  const { ids, lengths } = claimsOf(chunks);
  const results: Record<string, number> = {};
  try {
    let store = await openChunkStore({ folder, budgetBytes: 2 ** 30 });
    const putSeconds = await secondsOf(async () => {
      for (let i = 0; i < count; i += 4) await Promise.all(chunks.slice(i, i + 4).map((chunk) => store.put(chunk)));
    });
    results["put MB/s"] = (count * chunkBytes) / putSeconds / 1e6;
    await store.close();
    results["open ms"] =
      1000 *
      (await secondsOf(async () => {
        store = await openChunkStore({ folder, budgetBytes: 2 ** 30 });
      }));
    let slots: Int32Array = new Int32Array(0);
    results["bind µs per chunk"] =
      (1e6 / count) *
      (await secondsOf(async () => {
        slots = (await store.bind(ids, lengths)).slots;
      }));
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const into = new Uint8Array(chunkBytes);
    const readAll = (pieceBytes: number): void => {
      for (const slot of slots) {
        for (let at = 0; at < chunkBytes; at += pieceBytes) reader.read(slot, at, pieceBytes, into, 16);
      }
    };
    results["first read, verified, MB/s"] =
      (count * chunkBytes) / (await secondsOf(() => readAll(chunkBytes / 2))) / 1e6;
    results["hit 128 KiB, GB/s"] = (count * chunkBytes) / (await secondsOf(() => readAll(128 * 1024))) / 1e9;
    const reads = 200_000;
    results["hit random 4 KiB, µs"] =
      (1e6 / reads) *
      (await secondsOf(() => {
        for (let i = 0; i < reads; i++)
          reader.read(slots[(i * 7919) % count] ?? 0, ((i * 31) % 63) * 4096, 4096, into, 16);
      }));
    await store.close();
  } finally {
    await rm(folder, { recursive: true });
  }
  console.log(JSON.stringify(results, null, 2));
}
