import { SharedChunkReader, type StoreShared } from "@sluice/store/reader";
import type { ChunkReader } from "./read-disk.js";

export interface ChunkReaderOptions {
  /** Told of each marked chunk that is read; without it, marks are left alone. */
  readonly onMark?: ((slot: number) => void) | undefined;
  /** The thread has a table of descriptors of its own. */
  readonly ownDescriptors?: boolean | undefined;
}

/** What a reader module exports as `openChunkReader`. Called once, on the thread that reads. */
export type OpenChunkReader = (shared: unknown, reader: number, options: ChunkReaderOptions) => ChunkReader;

/** Readers of the chunk store. `shared` is the store's {@link StoreShared}. */
export const openChunkReader: OpenChunkReader = (shared, reader, options) =>
  new SharedChunkReader(shared as StoreShared, reader, options); // what the session was given as `chunks.shared`
