import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { DiskLease } from "../disks/disks.js";
import type { Driver, MountedDisk } from "../drivers/index.js";

/** The digest of the artifact whose disk has this name. @see Lowers */
export const digestOfName = (name: string): string => `sha256:${name.slice(0, 64)}`;

/** A disk mounted read-only in a place of ours, for mounts of users to be put on. */
export interface LowerLease {
  /** Absolute path. */
  readonly path: string;
  /** Call when nothing new can be put on it. The last one unmounts it; who still reads it through a detached mount may go on. */
  release(): Promise<void>;
}

interface Lower {
  users: number;
  readonly key: string;
  readonly mounted: Promise<Mounted>;
}

interface Mounted {
  readonly path: string;
  readonly disk: MountedDisk;
  readonly lease: DiskLease;
}

/**
 * Each disk mounted once per driver, however many users' mounts show it: one file system, so the kernel keeps its pages once.
 * Takes over the disk leases it is given.
 */
export class Lowers {
  readonly #folder: string;
  readonly #lowers = new Map<string, Lower>();
  #made = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Names of disks that an earlier life of the daemon showed are not given again. */
  reserve(name: string): void {
    this.#made = Math.max(this.#made, Number(/-(\d+)$/.exec(name)?.[1] ?? 0));
  }

  /**
   * Takes over a disk that an earlier life of the daemon mounted at `path`. Nobody uses it until somebody acquires it: call {@link dropUnused} when those
   * who still have it did.
   *
   * @returns false if another mount of the same disk has been taken over; nothing is done then
   */
  adopt(driver: Driver, lease: DiskLease, disk: MountedDisk): boolean {
    const key = `${lease.disk.digest} ${driver.name} `;
    if (this.#lowers.has(key)) return false;
    void disk.released.then(() => lease.release());
    this.#lowers.set(key, { users: 0, key, mounted: Promise.resolve({ path: disk.mountpoint, disk, lease }) });
    return true;
  }

  /** Unmounts what was taken over and nobody has acquired. */
  async dropUnused(): Promise<void> {
    const unused = [...this.#lowers.values()].filter((lower) => lower.users === 0);
    for (const lower of unused) {
      lower.users++;
      await this.#leave(lower);
    }
  }

  /** @param alone a name for a mount that is shared with nobody who does not say it, too */
  async acquire(driver: Driver, lease: DiskLease, alone = ""): Promise<LowerLease> {
    const key = `${lease.disk.digest} ${driver.name} ${alone}`;
    const known = this.#lowers.get(key);
    const lower = known ?? { users: 0, key, mounted: this.#mount(driver, lease) };
    lower.users++;
    if (known)
      await lease.release(); // the one that the mount holds is enough
    else this.#lowers.set(key, lower);
    try {
      const { path } = await lower.mounted;
      let held = true;
      const release = async (): Promise<void> => {
        if (!held) return;
        held = false;
        await this.#leave(lower);
      };
      return { path, release };
    } catch (error) {
      await this.#leave(lower);
      throw error;
    }
  }

  async #leave(lower: Lower): Promise<void> {
    lower.users--;
    if (lower.users > 0) return;
    if (this.#lowers.get(lower.key) === lower) this.#lowers.delete(lower.key);
    const mounted = await lower.mounted.catch(() => undefined); // whoever mounted it was told
    if (!mounted) return;
    await mounted.disk.unmount({ lazy: true }); // a process that looks into our folder must not keep it alive for ever
    await rmdir(mounted.path).catch(() => undefined); // the next start sweeps
  }

  /** The name is new each time: a disk that was let go may still be read through a detached mount while it is mounted again. */
  async #mount(driver: Driver, lease: DiskLease): Promise<Mounted> {
    const name = `${lease.disk.digest.slice("sha256:".length)}-${++this.#made}`;
    const path = join(this.#folder, name);
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
      const disk = await driver.mount({ ...lease.disk, name }, path);
      void disk.released.then(() => lease.release());
      return { path, disk, lease };
    } catch (error) {
      await rmdir(path).catch(() => undefined);
      await lease.release();
      throw error;
    }
  }
}
