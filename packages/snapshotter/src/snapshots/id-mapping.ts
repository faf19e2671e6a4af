import { SnapshotError } from "./snapshot-error.js";
import type { Owner } from "./snapshot-folders.js";

/** Maps of the user namespace that a snapshot is for: `inside:outside:count`, several with commas between. */
const labels = { users: "containerd.io/snapshot/uidmapping", groups: "containerd.io/snapshot/gidmapping" } as const;

/**
 * Who is root in the user namespace of a snapshot; undefined for one without a namespace of its own.
 *
 * @throws {SnapshotError} INVALID_ARGUMENT
 */
export function mappedRoot(given: Readonly<Record<string, string>>): Owner | undefined {
  const users = given[labels.users];
  const groups = given[labels.groups];
  if (users === undefined && groups === undefined) return undefined;
  return { uid: outsideOfRoot(users, labels.users), gid: outsideOfRoot(groups, labels.groups) };
}

function outsideOfRoot(text: string | undefined, label: string): number {
  for (const range of (text ?? "").split(",")) {
    const [, inside, outside] = /^(\d{1,10}):(\d{1,10}):\d{1,10}$/.exec(range.trim()) ?? [];
    if (inside === undefined) break;
    if (Number(inside) === 0) return Number(outside);
  }
  throw new SnapshotError("INVALID_ARGUMENT", `label ${label}: expected inside:outside:count with a map of 0`);
}
