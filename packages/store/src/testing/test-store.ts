import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import type { VerifiedChunk } from "../chunk/chunk-source.js";
import type { ChunkStore } from "../chunk/chunk-store.js";
import { type ChunkStoreOptions, openChunkStore } from "../chunk/segment-chunk-store.js";
import type { ChunkStoreEvent } from "../chunk/store-health.js";
import { seededChunk } from "./chunks.js";

/** A folder for the chunk stores of one test, and what they said. */
export interface TestStore {
  readonly folder: string;
  readonly events: readonly ChunkStoreEvent[];
  open(options?: Partial<ChunkStoreOptions>): Promise<ChunkStore>;
  /** Paths, oldest first. */
  segmentFiles(): Promise<string[]>;
}

/** Registers hooks that make the folder before each test and remove it after. */
export function useTestStore(): TestStore {
  const store = {
    folder: "",
    events: [] as ChunkStoreEvent[],
    open: (options?: Partial<ChunkStoreOptions>): Promise<ChunkStore> =>
      openChunkStore({
        folder: store.folder,
        budgetBytes: 64 * 1024 * 1024,
        maxSlots: 10_000,
        onEvent: (event) => store.events.push(event),
        ...options,
      }),
    segmentFiles: async (): Promise<string[]> => {
      const names = await readdir(join(store.folder, "segments"));
      return names.sort().map((name) => join(store.folder, "segments", name));
    },
  };
  beforeEach(async () => {
    store.folder = await mkdtemp(join(tmpdir(), "sluice-chunks-"));
    store.events.length = 0;
  });
  afterEach(() => rm(store.folder, { recursive: true, force: true }));
  return store;
}

export const chunksFrom = (first: number, count: number, sizeBytes: number = 64 * 1024): VerifiedChunk[] =>
  Array.from({ length: count }, (_, i) => seededChunk(first + i, sizeBytes));

export async function putAll(store: ChunkStore, chunks: readonly VerifiedChunk[]): Promise<void> {
  await Promise.all(chunks.map((chunk) => store.put(chunk)));
}

/** How many of the chunks the store gives back. A wrong byte fails the test. */
export async function countRight(store: ChunkStore, chunks: readonly VerifiedChunk[]): Promise<number> {
  let right = 0;
  for (const { id, bytes } of chunks) {
    const got = await store.get(id).catch(() => undefined);
    if (got === undefined) continue;
    expect(Buffer.compare(got, bytes)).toBe(0);
    right++;
  }
  return right;
}

export async function flipByte(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 0x40;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}
