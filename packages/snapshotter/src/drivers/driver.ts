import type { DiskRun } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci";

/**
 * A converted image as a driver sees it. The caller keeps everything in it readable until {@link MountedDisk.released}.
 * The columns are disjoint pieces of chunks in disk order; blocks in no piece read as zeros.
 */
export interface MountableDisk {
  /** Tells it from every other disk mounted at the time. ASCII letters, digits, `.`, `_`, `-`; at most 200. */
  readonly name: string;
  /** Whole blocks. */
  readonly sizeBytes: number;
  readonly startBlock: Uint32Array;
  readonly blocks: Uint32Array;
  /** Slot of each piece's chunk in the store, below 0 for zero chunks; as `ChunkStore.bind` gives them. */
  readonly slots: Int32Array;
  /** Where in its chunk each piece starts. Blocks. */
  readonly offsetInChunk: Uint32Array;
  /** The disk's first blocks, which hold nothing but metadata. Default: 0. */
  readonly metadataBlocks?: number | undefined;

  /** The start is known page by page: what the kernel reads ahead of it is what nobody wants. */
  readonly isRecorded?: boolean | undefined;
  /** What its start is expected to read is on its way. Each page that the kernel reads ahead of somebody may be one that nobody expected and that he has to wait for. */
  readonly isStreaming?: boolean | undefined;
  /** Every chunk was in the store when the disk was opened: what the kernel reads ahead costs the network nothing. */
  readonly isWhole?: boolean | undefined;

  /**
   * Tells of blocks that a start needs and that are in the store: at once of those that are there, later of others as they come in. Until the answer is called. For
   * drivers that show pages to the kernel before anybody asks; absent where nothing is foreseen.
   */
  onArrived?(listener: (runs: readonly DiskRun[]) => void): () => void;

  /**
   * Exactly `length` verified bytes at `offset`, which lie inside the disk, from the store or from the network. Rejects with the signal's reason once
   * it fires.
   *
   * @param options `sinceMs`: when the reader began to wait, of `performance.now()`; if it is not said, now
   */
  read(
    offset: number,
    length: number,
    options?: AbortOptions & { readonly sinceMs?: number | undefined },
  ): Promise<Uint8Array>;
}

/** Whether a driver works on this machine, in words for the user. */
export interface DriverProbe {
  readonly ok: boolean;
  /** Why it works well, or why it does not and what would cure it. */
  readonly reason: string;
}

export interface MountedDisk {
  readonly mountpoint: string;
  readonly driver: string;

  /**
   * Takes the mount away. Repeating it does nothing.
   *
   * @param options `lazy`: also when somebody uses it, who may go on until done
   * @throws {MountBusyError} when somebody uses it and `lazy` is not set; the mount stays
   */
  unmount(options?: { readonly lazy?: boolean | undefined }): Promise<void>;

  /** Resolves when nobody reads the disk any more: at once after an `unmount`, later after a lazy one. */
  readonly released: Promise<void>;
}

/**
 * Shows the file tree of a disk in a directory, read only. The tree is that of the EROFS metadata in the disk: every driver shows the same paths, types, modes,
 * owners, sizes, contents, link targets, devices, extended attributes, hard links and times. What one of them cannot show is in docs/limits.md.
 *
 * A read either gives the right bytes or fails with EIO before its deadline, and the cause is reported.
 */
export interface Driver extends AsyncDisposable {
  readonly name: "erofs" | "fuse-native";

  probe(): Promise<DriverProbe>;

  /** @param mountpoint an empty directory that exists; absolute, without symlinks */
  mount(disk: MountableDisk, mountpoint: string): Promise<MountedDisk>;

  /**
   * Lazily unmounts what a process of the same data root left mounted when it died.
   *
   * @param kept mount points that this process has taken over
   * @returns the mount points that were cleared
   */
  recover(kept?: ReadonlySet<string>): Promise<readonly string[]>;

  /** Unmounts everything of this driver. @throws {MountBusyError} without `force`, when somebody uses it; the rest is unmounted all the same */
  close(options?: { readonly force?: boolean | undefined }): Promise<void>;
}

/** A read that a driver had to answer with an error, or another thing the operator should see. */
export interface DriverEvent {
  readonly driver: Driver["name"];
  readonly kind:
    | "read-failed"
    | "request-failed"
    | "worker-died"
    | "session-failed"
    | "push-failed"
    | "push-stopped"
    | "name-hidden";
  readonly error: unknown;
}
