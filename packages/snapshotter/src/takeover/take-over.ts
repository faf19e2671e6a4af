import { parseDigest } from "@sluice/oci";
import PQueue from "p-queue";
import type { DiskStore, StoredDisk } from "../disks/disk-store.js";
import type { DiskLease, Disks } from "../disks/disks.js";
import type { ErofsDriver } from "../drivers/index.js";
import { type MountEntry, mountTable } from "../fuse/index.js";
import { backingOf } from "../fuse/kernel/loop.js";
import { digestOfName, type Lowers } from "../mounts/lowers.js";
import type { MountRecord } from "../mounts/mount-journal.js";
import { overlaySource } from "../mounts/writable-folder.js";
import type { Logger } from "../observe/log.js";
import type { NodePaths } from "../state/node-paths.js";
import { keptMounts } from "./kept-mounts.js";
import type { SessionRecord } from "./session-record.js";

export interface TakeOverParts {
  readonly paths: NodePaths;
  readonly diskStore: DiskStore;
  readonly disks: Disks;
  readonly erofs: ErofsDriver;
  readonly lowers: Lowers;
  readonly log: Logger;
}

/** What was taken over. */
export interface TakenOver {
  /** Mount points that stay, ours and the users'. */
  readonly targets: ReadonlySet<string>;
  /** Mounts that are there. */
  readonly shown: readonly ShownRecord[];
}

/** A mount that is there, and the image that it shows. */
export interface ShownRecord {
  readonly record: MountRecord;
  readonly stored: StoredDisk;
}

interface Resumed {
  readonly inode: number;
  readonly name: string;
  readonly stored: StoredDisk;
  readonly lease: DiskLease;
}

/** Disks opened at once: their tables are read and checked, which is work for the processor. */
const maxAtOnce = 8;

/** Goes on where a daemon on the same descriptors of /dev/fuse stopped: first its disks, so that reads are answered, then its mounts. */
export class TakeOver {
  readonly #parts: TakeOverParts;
  readonly #resumed: readonly Resumed[];

  private constructor(parts: TakeOverParts, resumed: readonly Resumed[]) {
    this.#parts = parts;
    this.#resumed = resumed;
  }

  /** How many are served. */
  get disks(): number {
    return this.#resumed.length;
  }

  /** Once this returns, reads of the disks are answered. A disk whose record is damaged is left out, loudly: its readers get errors. */
  static async begin(record: SessionRecord, parts: TakeOverParts): Promise<TakeOver> {
    const queue = new PQueue({ concurrency: maxAtOnce });
    const opened = await Promise.all(record.disks.map((disk) => queue.add(() => openDisk(disk, parts))));
    const resumed = opened.flat();
    for (const { name } of record.disks) parts.lowers.reserve(name);
    const { mountpoint, init, nextInode } = record;
    await parts.erofs.resume(
      { mountpoint, init, nextInode },
      resumed.map(({ inode, name, lease }) => ({ inode, disk: { ...lease.disk, name } })),
    );
    return new TakeOver(parts, resumed);
  }

  /** Takes over the mounts that are there. Call it when the earlier daemon can make none any more. */
  async adopt(records: readonly MountRecord[]): Promise<TakenOver> {
    const { paths } = this.#parts;
    const kept = keptMounts({
      table: await tableWithFiles(),
      records,
      disks: new Set(this.#resumed.map(({ name }) => name)),
      session: paths.session,
      lower: paths.lower,
      overlaySource: overlaySource(paths),
    });
    for (const disk of this.#resumed) this.#adoptDisk(disk, kept.lowers.get(disk.name));
    const targets = [...kept.lowers.values(), ...kept.shown.map((record) => record.mountpoint)];
    const images = new Map(this.#resumed.map(({ lease, stored }) => [lease.disk.digest, stored]));
    const shown = kept.shown.flatMap((record) => {
      const stored = images.get(record.artifact);
      return stored === undefined ? [] : [{ record, stored }];
    });
    return { targets: new Set([paths.session, ...targets]), shown };
  }

  #adoptDisk({ inode, lease }: Resumed, path: string | undefined): void {
    const { erofs, lowers, log } = this.#parts;
    if (path === undefined) {
      // Somebody may still read it through a mount that was detached.
      erofs
        .leave(inode)
        .then(lease.release, (error: unknown) => log.error({ err: error }, "a disk could not be closed"));
      return;
    }
    const mounted = erofs.adopt(inode, path);
    if (lowers.adopt(erofs, lease, mounted)) return;
    void mounted.released.then(lease.release);
    mounted
      .unmount({ lazy: true })
      .catch((error: unknown) => log.error({ err: error, path }, "a second mount of a disk was not taken away"));
  }
}

async function openDisk(
  { inode, name }: SessionRecord["disks"][number],
  { diskStore, disks, log }: TakeOverParts,
): Promise<Resumed[]> {
  try {
    const stored = await diskStore.load(parseDigest(digestOfName(name), "record of the FUSE session"));
    if (stored === undefined) throw new Error("its artifact is not on this node any more");
    return [{ inode, name, stored, lease: await disks.open(stored, { resumed: true }) }];
  } catch (error) {
    log.error({ err: error, disk: name }, "a disk could not be taken over: its readers get errors");
    return [];
  }
}

/** The mount table, with the file behind each loop device in its place. */
async function tableWithFiles(): Promise<MountEntry[]> {
  const entries = await mountTable();
  return await Promise.all(
    entries.map(async (entry) =>
      entry.type === "erofs" ? { ...entry, source: (await backingOf(entry.source)) ?? entry.source } : entry,
    ),
  );
}
