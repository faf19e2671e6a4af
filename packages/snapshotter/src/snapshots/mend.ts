import type { Logger } from "../observe/log.js";
import type { SnapshotFolders } from "./snapshot-folders.js";
import type { SnapshotIndex } from "./snapshot-index.js";
import type { SnapshotRecord } from "./snapshot-record.js";

/**
 * Brings records and folders together after a crash. Folders without a record are removed. An active snapshot or view whose folder is missing had just been made, and gets an
 * empty one. A layer whose files are gone is forgotten with all that is built on it: containerd is told that it is not there, and unpacks it again.
 */
export async function mendSnapshots(index: SnapshotIndex, folders: SnapshotFolders, log: Logger): Promise<void> {
  const wanted = new Map<number, SnapshotRecord>();
  for (const record of index.all()) if (record.streamed === undefined) wanted.set(record.id, record);
  const there = await folders.sweep(() => new Set(wanted.keys()));
  const lost = new Set<string>();
  for (const record of wanted.values()) {
    if (there.has(record.id)) continue;
    if (record.kind === "committed") lost.add(record.name);
    else await folders.make(record.id, record.kind, undefined, async () => undefined);
  }
  for (const record of index.all()) if (dependsOn(index, record, lost)) lost.add(record.name);
  if (lost.size === 0) return;
  log.error({ snapshots: [...lost] }, "files of snapshots are gone: pull their images again");
  const ids = [...lost].map((name) => index.must(name).id);
  await index.change(() => ({ remove: [...lost] }));
  for (const id of ids) folders.remove(id);
}

function dependsOn(index: SnapshotIndex, record: SnapshotRecord, lost: ReadonlySet<string>): boolean {
  for (let name = record.parent; name !== ""; name = index.get(name)?.parent ?? "") {
    if (lost.has(name) || index.get(name) === undefined) return true;
  }
  return false;
}
