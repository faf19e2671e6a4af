import type { ChunkReaders } from "../session/worker-pool.js";
import type { OpenChunkReader } from "./store-reader.js";

/** A store with nothing in it: every read of a chunk goes to the main thread, which sees them all. */
export const noChunks: ChunkReaders = { shared: undefined, addReader: () => 0, removeReader: () => undefined };

/** What the workers of a session load for {@link noChunks}. */
export const openChunkReader: OpenChunkReader = () => ({ read: () => -1 });

/** Of this module, for `readerModule`. A URL. */
export const noChunksModule: string = import.meta.url;
