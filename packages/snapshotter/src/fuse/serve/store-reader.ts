import { SharedChunkReader, type StoreShared } from "@sluice/store/reader";
import type { ChunkReader } from "./read-disk.js";

/** What a reader module exports as `openChunkReader`. Called once, on the worker's thread. */
export type OpenChunkReader = (shared: unknown, reader: number, onMark: (slot: number) => void) => ChunkReader;

/** Readers of the chunk store. `shared` is the store's {@link StoreShared}. */
export const openChunkReader: OpenChunkReader = (shared, reader, onMark) =>
  new SharedChunkReader(shared as StoreShared, reader, { onMark }); // what the session was given as `chunks.shared`
