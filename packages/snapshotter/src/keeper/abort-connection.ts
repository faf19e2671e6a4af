import { readFileSync, writeFileSync } from "node:fs";

/**
 * Ends the FUSE connection that is mounted on `mountpoint`: every request of it fails at once. To close its descriptors would do the same, if a dead daemon with
 * a thread inside the kernel did not have them open, too. Nothing is asked of the file system itself, which answers nobody any more.
 */
export function abortConnectionOn(mountpoint: string): void {
  try {
    const number = connectionNumber(readFileSync("/proc/self/mountinfo", "utf8"), mountpoint);
    if (number !== undefined) writeFileSync(`/sys/fs/fuse/connections/${number}/abort`, "1");
  } catch {
    // gone already, or there is no control file system
  }
}

/** The kernel's number of the connection: that of the mount's device. @param mountinfo proc_pid_mountinfo(5) */
export function connectionNumber(mountinfo: string, mountpoint: string): number | undefined {
  const escaped = mountpoint.replace(/[\\ \t\n]/g, (character) => {
    return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
  const lines = mountinfo.split("\n").map((line) => line.split(" "));
  const mount = lines.findLast(
    (fields) => fields[4] === escaped && fields[fields.indexOf("-") + 1]?.startsWith("fuse"),
  );
  const [major, minor] = (mount?.[2] ?? "").split(":").map(Number);
  return major === undefined || minor === undefined ? undefined : major * 2 ** 20 + minor;
}
