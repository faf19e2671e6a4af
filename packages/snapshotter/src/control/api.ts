/** Rises when an older program could misread or be misread. Sent with every request and answer as {@link apiVersionHeader}. */
export const apiVersion = 1;
export const apiVersionHeader = "sluice-api";

/** Drivers by name; `auto` takes the best one that works here. */
export type DriverChoice = "auto" | "erofs" | "fuse-native";

/** An image, and how its registry is reached. */
export interface ImageAddress {
  /** As `formatReference` of `@sluice/oci` writes it: with its registry, and a layout's folder absolute. */
  readonly reference: string;
  /** The registry speaks no TLS. Loopback hosts need not say so. */
  readonly plainHttp?: boolean | undefined;
  /** Absolute path of the folder with docker's `config.json`; read again at each authentication. Default: the daemon's own. */
  readonly dockerConfig?: string | undefined;
}

export interface MountRequest extends ImageAddress {
  /** A UUID that is the caller's alone: asked for again, the mount of that name is given and not made anew. */
  readonly id?: string | undefined;
  /** Absolute path of an existing folder. */
  readonly mountpoint: string;
  readonly driver: DriverChoice;
  readonly writable: boolean;
  /**
   * Note every page that is read of the disk, from the mount on; `recording` gives the document. The mount has a kernel mount of its own with a cold page cache and no
   * read-ahead, so it is slow. It needs the erofs driver. After a restart of the daemon the mount is an ordinary one.
   */
  readonly record?: boolean | undefined;
}

export interface DiskSummary {
  /** Of the streaming artifact. */
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface MountResult {
  readonly id: string;
  readonly reference: string;
  /** Symlinks resolved. */
  readonly mountpoint: string;
  readonly driver: string;
  /** Why this driver. */
  readonly reason: string;
  readonly writable: boolean;
  readonly disk: DiskSummary;
  /** RFC 3339. */
  readonly since: string;
}

export interface UnmountRequest {
  readonly mountpoint: string;
  /** Take it out of the tree although somebody uses it; it ends with its last user. */
  readonly detach: boolean;
}

export interface ContainerRequest extends ImageAddress {
  readonly driver: DriverChoice;
  /** The process that runs the container; when it is gone, so is what was prepared. */
  readonly ownerPid: number;
  /** As in {@link MountRequest.record}. */
  readonly record?: boolean | undefined;
}

/** A writable root file system, and what the image says about running it. */
export interface PreparedContainer {
  readonly id: string;
  /** Absolute path of the root file system. */
  readonly rootfs: string;
  /** Absolute path of an empty folder for the bundle; removed with the container. */
  readonly bundle: string;
  /** The image's config blob, as in the registry. */
  readonly imageConfig: string;
  readonly driver: string;
  readonly reason: string;
  readonly disk: DiskSummary;
}

export interface WhyAnswer {
  readonly reference: string;
  readonly streamed: boolean;
  /** Digest of the image's manifest for this platform, once known. */
  readonly source?: string | undefined;
  readonly artifact?: string | undefined;
  /** Its manifest and its TOC are on this node. */
  readonly local: boolean;
  /** What was read of it here and is in the store; images that share it each count it. */
  readonly storedBytes?: number | undefined;
  readonly mountpoints: readonly string[];
  /** Why it is not streamed. */
  readonly reason?: { readonly code: string; readonly message: string; readonly cure: string } | undefined;
  /** How containerd's last pull of this name went, since the daemon started. */
  readonly pulled?: PullOutcome | undefined;
}

export interface PullOutcome {
  /** Its layers were not fetched. */
  readonly streamed: boolean;
  /** Why they were. */
  readonly reason?: { readonly code: string; readonly message: string; readonly cure: string } | undefined;
}

/** A pull of containerd. */
export interface PullReport extends PullOutcome {
  /** Rises from pull to pull; about the milliseconds since 1970 at which its outcome was known. */
  readonly number: number;
  readonly reference: string;
}

/** How many layers of an image containerd's snapshots have. None of either: the image is not here. */
export interface HeldLayers {
  /** Shown from a streaming artifact: neither fetched nor unpacked. */
  readonly streamed: number;
  readonly unpacked: number;
}

export interface StoreUse {
  readonly bytes: number;
  readonly budgetBytes: number;
  readonly chunks: number;
  readonly segments: number;
  readonly evictions: number;
  readonly damaged: number;
  readonly healed: number;
  readonly notStored: number;
  /** Why chunks are not kept at the moment. */
  readonly degraded?: string | undefined;
}

export interface GcResult {
  readonly freedBytes: number;
  /** Images whose manifests and TOC were removed. */
  readonly removedDisks: number;
}

export interface ScrubResult {
  readonly checkedChunks: number;
  readonly checkedBytes: number;
  /** Ids of the chunks that were damaged; they are fetched again when they are read. */
  readonly damaged: readonly string[];
}

export interface StopRequest {
  /** What to do with a mount that somebody uses: refuse to stop, or take it out of the tree. */
  readonly busy: "refuse" | "detach";
  /** Whether the mounts come back with the next start. */
  readonly keepMounts: boolean;
}

export interface StopResult {
  readonly unmounted: readonly string[];
  readonly detached: readonly string[];
}

/** The process that keeps the mounts when the daemon dies. */
export interface KeeperStatus {
  readonly pid: number;
  /** How often a daemon went on with the mounts of one that died. */
  readonly takeOvers: number;
}

export interface DaemonStatus {
  readonly pid: number;
  readonly keeper?: KeeperStatus | undefined;
  readonly version: string;
  readonly root: string;
  readonly uptimeSeconds: number;
  readonly rssBytes: number;
  /** How many. */
  readonly mounts: number;
  readonly store: { readonly bytes: number; readonly budgetBytes: number; readonly chunks: number };
  readonly fetch: {
    readonly requests: number;
    /** Compressed. */
    readonly bytes: number;
    readonly inFlight: number;
    /** Of these bytes: fetched ahead and not read yet. */
    readonly unreadBytes: number;
  };
  readonly reads: { readonly hits: number; readonly misses: number; readonly errors: number };
  /** Between the kernel and the daemon. */
  readonly fuse: {
    /** Of every kind, reads included. */
    readonly requests: number;
    /** Put into the page cache unasked. */
    readonly pushedBytes: number;
  };
}

/** What the daemon does for others. Every call may reject with an error that carries a `code`. */
export interface NodeService {
  mount(request: MountRequest, signal: AbortSignal): Promise<MountResult>;
  unmount(request: UnmountRequest): Promise<void>;
  mounts(): Promise<readonly MountResult[]>;
  prepareContainer(request: ContainerRequest, signal: AbortSignal): Promise<PreparedContainer>;
  removeContainer(id: string): Promise<void>;
  /**
   * What was read so far of a mount or container that was asked for with `record`: the document of docs/format.md ("recording"), for `decodeRecording` of `@sluice/disk`. Any
   * number of times, until the mount or container is removed.
   *
   * @param id of the mount or the container; rejects with NOT_RECORDED
   */
  recording(id: string): Promise<Uint8Array>;
  why(image: ImageAddress, signal: AbortSignal): Promise<WhyAnswer>;
  /** The last pulls of containerd whose numbers are larger than `after`, in their order. */
  pulls(after: number): Promise<readonly PullReport[]>;
  /** @param chainId of the topmost layer. OCI image specification, config.md, "Layer ChainID" */
  layers(chainId: string): Promise<HeldLayers>;
  status(): Promise<DaemonStatus>;
  storeUse(): Promise<StoreUse>;
  storeGc(signal: AbortSignal): Promise<GcResult>;
  storeScrub(signal: AbortSignal): Promise<ScrubResult>;
  /** Resolves when nothing is mounted any more; the process ends soon after. */
  stop(request: StopRequest): Promise<StopResult>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
}

/** The body of every answer that is not 2xx. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly detail?: unknown };
}
