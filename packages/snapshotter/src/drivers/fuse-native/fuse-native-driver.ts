import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { probeFuseDevice } from "../../fuse/kernel/device.js";
import { unmountEntries } from "../../fuse/kernel/mount.js";
import { mountTable } from "../../fuse/kernel/mount-table.js";
import { loadFuseNative, PathMount, unmountAsAnyone } from "../../fuse/native/native-mount.js";
import type { Driver, DriverEvent, DriverProbe, MountableDisk, MountedDisk } from "../driver.js";
import { ErofsTree } from "./erofs-tree.js";

const run = promisify(execFile);

export interface FuseNativeDriverOptions {
  /** Tells the mounts of this data root from those of others, in the source of the mount. ASCII letters, digits, `-`, `_`; at most 40. */
  readonly owner: string;
  /** Every operation is answered before this has passed. Milliseconds. */
  readonly deadlineMs?: number | undefined;
  readonly onEvent: (event: DriverEvent) => void;
}

/** EROFS read in this process, path by path, through libfuse 2: slower, and works without root. One mount per disk. */
export class FuseNativeDriver implements Driver {
  readonly name = "fuse-native";
  readonly #options: FuseNativeDriverOptions;
  readonly #mounts: Set<FuseNativeMount> = new Set();

  constructor(options: FuseNativeDriverOptions) {
    if (!/^[A-Za-z0-9_-]{1,40}$/.test(options.owner)) throw new RangeError(`${options.owner}: no name for an owner`);
    this.#options = options;
  }

  async probe(): Promise<DriverProbe> {
    const noDevice = await probeFuseDevice();
    if (noDevice !== undefined) return { ok: false, reason: `${noDevice}; load the fuse module or pass the device in` };
    try {
      loadFuseNative();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { ok: false, reason: `fuse-native does not load: ${why}; install libfuse2` };
    }
    if (process.getuid?.() !== 0 && !(await hasFusermount())) {
      return { ok: false, reason: "mounting without root needs fusermount; install fuse or fuse3" };
    }
    return { ok: true, reason: "libfuse shows the disk, read in user space" };
  }

  async mount(disk: MountableDisk, mountpoint: string): Promise<MountedDisk> {
    const { deadlineMs = 60_000, onEvent } = this.#options;
    const tree = await ErofsTree.open(disk, { signal: AbortSignal.timeout(deadlineMs) });
    const mounted = await PathMount.mount(tree, mountpoint, {
      source: `${this.#prefix}${disk.name}`,
      deadlineMs,
      onFailure: (what, error) => {
        const cause = error instanceof Error ? error.message : String(error);
        const told = new Error(`${disk.name}: ${what} failed, the reader got EIO: ${cause}`, { cause: error });
        onEvent({ driver: "fuse-native", kind: "read-failed", error: told });
      },
    });
    const mount: FuseNativeMount = new FuseNativeMount(mounted, () => this.#mounts.delete(mount));
    this.#mounts.add(mount);
    return mount;
  }

  get #prefix(): string {
    return `sluice-${this.#options.owner}-`;
  }

  async recover(): Promise<readonly string[]> {
    const mine = new Set([...this.#mounts].map((mount) => mount.mountpoint));
    const entries = await mountTable();
    const left = entries.filter(
      (entry) => entry.type.startsWith("fuse") && entry.source.startsWith(this.#prefix) && !mine.has(entry.target),
    );
    if (process.getuid?.() === 0) return await unmountEntries(left);
    for (const entry of left.toReversed()) await unmountAsAnyone(entry.target, true);
    return left.map((entry) => entry.target);
  }

  async close(options?: { readonly force?: boolean | undefined }): Promise<void> {
    const lazy = options?.force ?? false;
    const ends = await Promise.allSettled([...this.#mounts].map((mount) => mount.unmount({ lazy })));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ force: true });
  }
}

const hasFusermount = (): Promise<boolean> =>
  run("fusermount", ["-V"]).then(
    () => true,
    () => false,
  );

class FuseNativeMount implements MountedDisk {
  readonly driver = "fuse-native";
  readonly released: Promise<void>;
  readonly #mounted: PathMount;
  readonly #onUnmounted: () => void;
  #setReleased: () => void = () => undefined;
  #unmounted: Promise<void> | undefined;

  constructor(mounted: PathMount, onUnmounted: () => void) {
    this.#mounted = mounted;
    this.#onUnmounted = onUnmounted;
    this.released = new Promise((resolve) => {
      this.#setReleased = resolve;
    });
  }

  get mountpoint(): string {
    return this.#mounted.mountpoint;
  }

  unmount(options?: { readonly lazy?: boolean | undefined }): Promise<void> {
    this.#unmounted ??= this.#unmount(options?.lazy ?? false).catch((error: unknown) => {
      this.#unmounted = undefined;
      throw error;
    });
    return this.#unmounted;
  }

  async #unmount(lazy: boolean): Promise<void> {
    await this.#mounted.unmount({ lazy });
    this.#onUnmounted();
    if (lazy) void this.#mounted.ended().then(this.#setReleased);
    else this.#setReleased();
  }
}
