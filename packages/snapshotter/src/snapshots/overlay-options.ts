import { access, readFile } from "node:fs/promises";

/**
 * What every overlay on this machine is mounted with, as containerd's own overlay snapshotter chooses it: no index, which would refuse a lower folder that two
 * overlays share; attributes in `user.` where a user namespace may write no others.
 */
export async function overlayOptions(): Promise<readonly string[]> {
  const knowsIndex = await access("/sys/module/overlay/parameters/index").then(
    () => true,
    () => false,
  );
  return [...((await isInUserNamespace()) ? ["userxattr"] : []), ...(knowsIndex ? ["index=off"] : [])];
}

/** The first user namespace maps every id onto itself. user_namespaces(7) */
async function isInUserNamespace(): Promise<boolean> {
  const map = await readFile("/proc/self/uid_map", "utf8").catch(() => "");
  const [inside, outside, count] = map.trim().split(/\s+/).map(Number);
  return map !== "" && !(inside === 0 && outside === 0 && count === 2 ** 32 - 1);
}
