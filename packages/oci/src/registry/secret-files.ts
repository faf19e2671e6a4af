import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CredentialSource } from "./credentials.js";
import { dockerConfigCredentials } from "./docker-config.js";

/** Files of secrets that are looked at in all; more are a folder that was meant for something else. */
const maxFiles = 200;
/** How Kubernetes names the key of a secret of type `kubernetes.io/dockerconfigjson`. */
const secretName = ".dockerconfigjson";

/**
 * Credentials from Kubernetes secrets of type `kubernetes.io/dockerconfigjson` that are mounted as files: each path is such a file, or a folder of them, or of
 * folders that hold one. Looked for and read at each search, so that a secret that is added, rotated or removed counts at once.
 */
export function secretFileCredentials(paths: readonly string[]): CredentialSource {
  return {
    find: async (host, repository) => {
      const files = (await Promise.all(paths.map((path) => filesAt(path)))).flat().slice(0, maxFiles);
      return await dockerConfigCredentials({ files }).find(host, repository);
    },
  };
}

async function filesAt(path: string): Promise<readonly string[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return [path];
  const files: string[] = [];
  for (const name of (await readdir(path)).sort()) {
    // `..data` and its like are how the kubelet swaps a volume as a whole: the names beside them point there.
    if (name.startsWith("..")) continue;
    const entry = join(path, name);
    const kind = await stat(entry).catch(() => undefined);
    if (kind?.isDirectory() === true) files.push(join(entry, secretName));
    else if (name === secretName || name.endsWith(".json")) files.push(entry);
  }
  return files;
}
