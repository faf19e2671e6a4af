import { join } from "node:path";
import type { MountEntry } from "../fuse/index.js";
import { digestOfName } from "../mounts/lowers.js";
import type { MountRecord } from "../mounts/mount-journal.js";

export interface KeptMountsQuery {
  /** Sources of EROFS mounts on loop devices are the devices' files. */
  readonly table: readonly MountEntry[];
  readonly records: readonly MountRecord[];
  /** Names of the disks that are served. */
  readonly disks: ReadonlySet<string>;
  /** The FUSE mount. */
  readonly session: string;
  /** The folder where disks are mounted once. */
  readonly lower: string;
  /** The source of overlays of this data root. */
  readonly overlaySource: string;
}

/** What of an earlier life is mounted and whole. */
export interface KeptMounts {
  /** Where each disk is mounted once, by its name. */
  readonly lowers: ReadonlyMap<string, string>;
  /** The mounts that were asked for and are there. */
  readonly shown: readonly MountRecord[];
}

/** Tells from the kernel's table what a daemon that takes over may keep: it must be what the journal says, on a disk that is served. */
export function keptMounts(query: KeptMountsQuery): KeptMounts {
  const { table, records, disks, session, lower, overlaySource } = query;
  const top = new Map(table.map((entry) => [entry.target, entry])); // the last one covers those before
  const diskOf = (entry: MountEntry): string | undefined => {
    const name = entry.source.slice(session.length + 1);
    return entry.type === "erofs" && entry.source === join(session, name) && disks.has(name) ? name : undefined;
  };
  const lowers = new Map<string, string>();
  for (const entry of top.values()) {
    const name = diskOf(entry);
    if (name !== undefined && entry.target === join(lower, name)) lowers.set(name, entry.target);
  }
  const isThere = (record: MountRecord): boolean => {
    const entry = top.get(record.mountpoint);
    if (entry === undefined || record.driver !== "erofs") return false;
    const name = record.writable ? overlaidDisk(entry, overlaySource, lowers) : diskOf(entry);
    return name !== undefined && lowers.has(name) && digestOfName(name) === record.artifact;
  };
  return { lowers, shown: records.filter(isThere) };
}

/** The disk below an overlay of this data root. */
function overlaidDisk(entry: MountEntry, source: string, lowers: ReadonlyMap<string, string>): string | undefined {
  if (entry.type !== "overlay" || entry.source !== source) return undefined;
  const folder = /(?:^|,)lowerdir\+?=([^,]*)/.exec(entry.options)?.[1] ?? "";
  return [...lowers.keys()].find((name) => folder.endsWith(`/${name}`)); // names have no character that is escaped
}
