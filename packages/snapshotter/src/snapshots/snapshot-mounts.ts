import type { SnapshotFolders } from "./snapshot-folders.js";
import type { SnapshotRecord } from "./snapshot-record.js";

/** A mount as containerd is told of it: mount(8)'s words. */
export interface SnapshotMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/**
 * How to mount an active snapshot or a view. A single folder is bound, because overlayfs takes none alone.
 *
 * @param lowers what it is built on, the nearest first
 * @param options of every overlay
 */
export function mountsOf(
  record: SnapshotRecord,
  lowers: readonly string[],
  folders: SnapshotFolders,
  options: readonly string[],
): SnapshotMount[] {
  const isActive = record.kind === "active";
  const [nearest, ...others] = lowers;
  if (nearest === undefined) return [bind(folders.files(record.id), isActive ? "rw" : "ro")];
  if (!isActive && others.length === 0) return [bind(nearest, "ro")];
  const upper = isActive ? [`workdir=${folders.work(record.id)}`, `upperdir=${folders.files(record.id)}`] : [];
  return [{ type: "overlay", source: "overlay", options: [...upper, `lowerdir=${lowers.join(":")}`, ...options] }];
}

const bind = (source: string, access: "ro" | "rw"): SnapshotMount => ({
  type: "bind",
  source,
  options: [access, "rbind"],
});
