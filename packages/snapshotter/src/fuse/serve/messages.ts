import type { MessagePort } from "node:worker_threads";

/** What a worker is given when it starts. */
export interface WorkerStart {
  /** Its descriptor of /dev/fuse. */
  readonly fd: number;
  /** Its place in the shared tables. */
  readonly thread: number;
  /** Its number as a reader of the store. */
  readonly reader: number;
  /** Module that exports a {@link OpenChunkReader} called `openChunkReader`. A URL. */
  readonly readerModule: string;
  /** What that module needs. */
  readonly readerShared: unknown;
  readonly counters: SharedArrayBuffer;
  readonly hands: SharedArrayBuffer;
  /** One Int32 that rises with each change of the disks. */
  readonly epoch: SharedArrayBuffer;
  /** Where openings are recorded; see {@link OpenHandles}. Undefined: nowhere. */
  readonly handlesFolder?: string | undefined;
  /** Where {@link DiskChange}s come from. */
  readonly changes: MessagePort;
}

/** A request that needs the main thread: chunks are missing. Offset and length lie inside the disk. Bytes. */
export interface MissMessage {
  readonly kind: "miss";
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
  readonly inode: number;
  readonly offset: number;
  readonly length: number;
  /** The thread that waits, if one does; 0 for read-ahead. */
  readonly pid: number;
}

/** What a worker tells the main thread. */
export type WorkerMessage =
  | { readonly kind: "ready" }
  | MissMessage
  | { readonly kind: "interrupt"; readonly uniqueLow: number; readonly uniqueHigh: number }
  /** Somebody opened the file of a disk (+1), or the last user of one such opening let go (−1). */
  | { readonly kind: "opens"; readonly inode: number; readonly change: 1 | -1 }
  /** A single page of the metadata was read, and hit. */
  | { readonly kind: "page"; readonly inode: number; readonly block: number }
  | { readonly kind: "mark"; readonly slot: number }
  | { readonly kind: "failure"; readonly what: string; readonly error: unknown }
  /** The connection is over; the worker ends. */
  | { readonly kind: "ended" };
