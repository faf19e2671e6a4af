export { wallClockNanoseconds } from "./kernel/clock.js";
export { KernelCallError } from "./kernel/kernel-call-error.js";
export {
  MountBusyError,
  mountBind,
  mountErofs,
  mountOverlay,
  type OverlayMount,
  type UnmountOptions,
  unmount,
  unmountEntries,
} from "./kernel/mount.js";
export { isMountpoint, type MountEntry, mountOn, mountTable } from "./kernel/mount-table.js";
export { readAheadBytesOf } from "./kernel/opening-with-read-ahead.js";
export { canResend, FuseProtocolError, type InitParameters } from "./protocol/init.js";
export { noPushes, type PushCounts } from "./push/push-counts.js";
export type { PushLimits } from "./push/pusher.js";
export type { FuseStats } from "./serve/counters.js";
export type { DiskFile } from "./serve/disk-file.js";
export { type LatencyCounts, noLatency } from "./serve/latency.js";
export { noChunks, noChunksModule } from "./serve/no-chunks.js";
export type { NewDisk } from "./session/disk-directory.js";
export type { FuseEvent } from "./session/fuse-events.js";
export {
  defaultFuseConfig,
  FuseSession,
  type FuseSessionOptions,
  type FuseSessionStats,
  type ResumedSession,
  type SessionState,
} from "./session/fuse-session.js";
export { ReadDeadlineError, ReaderGoneError, ReadFailedError, type ReadMiss } from "./session/misses.js";
export { type FuseConnectionState, MountInUseError } from "./session/open-connection.js";
export type { ChunkReaders } from "./session/worker-pool.js";
