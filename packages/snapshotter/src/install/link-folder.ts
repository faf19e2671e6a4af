import { mkdir, readlink, symlink, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno } from "../state/errno.js";
import { type Host, onHost } from "./host.js";
import { snapshotterName } from "./snapshotter-name.js";

/*
 * CRI of containerd 1 tells the kubelet that images are in the folder that a snapshotter of containerd's own would have. The kubelet looks at the file system of that
 * folder to know when images must go, and counts nothing when it is not there: a link leads it to the data root.
 */

/** containerd pkg/cri/server/helpers.go, imageFSPath */
export const linkPathOf = (containerdRoot: string): string =>
  join(containerdRoot, `io.containerd.snapshotter.v1.${snapshotterName}`);

/** Makes the link, unless something is there already. */
export async function linkFolder(host: Host, path: string, dataRoot: string): Promise<"written" | "unchanged"> {
  await mkdir(dirname(onHost(host, path)), { recursive: true, mode: 0o711 });
  try {
    await symlink(dataRoot, onHost(host, path));
    return "written";
  } catch (error) {
    if (isErrno(error, "EEXIST")) return "unchanged";
    throw error;
  }
}

/** Takes the link away, where it is ours. */
export async function unlinkFolder(host: Host, path: string, dataRoot: string): Promise<void> {
  const target = await readlink(onHost(host, path)).catch((error: unknown) => {
    if (isErrno(error, "ENOENT", "EINVAL", "ENOTDIR")) return undefined;
    throw error;
  });
  if (target === dataRoot) await unlink(onHost(host, path));
}
