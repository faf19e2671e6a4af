import { encodeRecording } from "@sluice/disk";
import type { Digest } from "@sluice/oci";
import type { DiskLease } from "../disks/disks.js";
import { type Driver, type DriverEvent, ErofsDriver } from "../drivers/index.js";
import { noChunks, noChunksModule } from "../fuse/index.js";
import type { ResolvedImage } from "../resolve/resolve-image.js";
import { PageTrace } from "./page-trace.js";

/** Nothing is recorded under this id, or not any more. */
export class NotRecordedError extends Error {
  override readonly name = "NotRecordedError";
  readonly code = "NOT_RECORDED";
  constructor(id: string) {
    super(
      `${id}: nothing is recorded there; ask for a recording when it is mounted, and fetch it before it is unmounted`,
    );
  }
}

/** Only the kernel's own EROFS touches pages one by one. */
export class RecordingDriverError extends Error {
  override readonly name = "RecordingDriverError";
  readonly code = "RECORDING_NEEDS_EROFS";
  constructor(driver: string) {
    super(
      `a recording needs the erofs driver, not ${driver}: run the daemon as root on a machine with EROFS (see "node check")`,
    );
  }
}

interface Watched {
  readonly startMs: number;
  readonly trace: PageTrace;
  readonly disk: { readonly metadata: Digest; readonly layers: readonly Digest[] };
}

export interface RecordingsOptions {
  /** Where the FUSE mount of recorded disks is. */
  readonly mountpoint: string;
  readonly deadlineMs: number;
  readonly onEvent: (event: DriverEvent) => void;
}

/**
 * Watches what is read of a disk, page by page: on a FUSE mount and an EROFS of its own, whose pages nobody has in memory yet, without read-ahead, and with every
 * read seen here. Slower than other mounts, and exact.
 */
export class Recordings {
  /** For mounts that are watched. */
  readonly driver: Driver;
  readonly #watched = new Map<string, Watched>();

  constructor({ mountpoint, deadlineMs, onEvent }: RecordingsOptions) {
    this.driver = new ErofsDriver({
      mountpoint,
      deadlineMs,
      onEvent,
      chunks: noChunks,
      readerModule: noChunksModule,
      readAheadBytes: 0,
      workers: 1,
    });
  }

  /** The same lease, on a disk whose reads are noted under `id` from now on. */
  watch(id: string, lease: DiskLease, { artifact }: Pick<ResolvedImage, "artifact">): DiskLease {
    const startMs = performance.now();
    const trace = new PageTrace(startMs);
    const layers = artifact.layers.map(({ digest }) => digest);
    this.#watched.set(id, { startMs, trace, disk: { metadata: artifact.metadata.digest, layers } });
    const { disk } = lease;
    return {
      release: () => lease.release(),
      disk: {
        ...disk,
        onArrived: () => () => undefined, // a page that is there already is not seen when it is touched
        read: (offset, length, options) => {
          trace.touch(offset, length, performance.now());
          return disk.read(offset, length, options);
        },
      },
    };
  }

  /** What was touched so far: the document of docs/format.md. @throws {NotRecordedError} */
  document(id: string): Uint8Array {
    const watched = this.#watched.get(id);
    if (watched === undefined) throw new NotRecordedError(id);
    const { disk, startMs, trace } = watched;
    return encodeRecording({ disk, seconds: Math.round(performance.now() - startMs) / 1000, runs: trace.runs });
  }

  forget(id: string): void {
    this.#watched.delete(id);
  }
}
