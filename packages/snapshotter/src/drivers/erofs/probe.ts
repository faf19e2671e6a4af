import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { probeFuseDevice } from "../../fuse/kernel/device.js";
import type { DriverProbe } from "../driver.js";

/** Whether the running kernel has EROFS: built in, loaded, or as a module that mount(2) loads by itself. */
async function hasErofs(): Promise<boolean> {
  const files = [
    "/proc/filesystems",
    `/lib/modules/${release()}/modules.dep`,
    `/lib/modules/${release()}/modules.builtin`,
  ];
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return texts.some((text) => /\berofs\b/.test(text));
}

/** Linux ≥ 6.12 mounts EROFS from a file without a block device between. */
export function isFileBacked(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split(/[.-]/).map(Number);
  return major > 6 || (major === 6 && minor >= 12);
}

export async function probeErofs(): Promise<DriverProbe> {
  if (process.getuid?.() !== 0) return { ok: false, reason: "mounting EROFS needs root; run the daemon as root" };
  const noDevice = await probeFuseDevice();
  if (noDevice !== undefined) return { ok: false, reason: `${noDevice}; load the fuse module or pass the device in` };
  if (!(await hasErofs())) {
    return { ok: false, reason: `Linux ${release()} has no EROFS; enable CONFIG_EROFS_FS (Linux 5.4 or newer)` };
  }
  const how = isFileBacked(release()) ? "straight from the FUSE file" : "through a loop device (Linux 6.12 needs none)";
  return { ok: true, reason: `the kernel's EROFS reads the disk, ${how}` };
}
