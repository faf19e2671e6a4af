import { constants } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { unmount } from "./mount.js";
import { mountOn } from "./mount-table.js";

/** What the kernel gives every device (VM_READAHEAD_PAGES). KiB. */
const kernelReadAheadKib = 128;

const writeExisting = constants.O_WRONLY | constants.O_TRUNC;

/** Where read-ahead is set, and how a mount is taken away. */
export interface ReadAheadSystem {
  /** One folder per backing device of a file system. Documentation/ABI/testing/sysfs-class-bdi */
  readonly devices: string;
  readonly unmount: (target: string, options: { readonly lazy: true }) => Promise<void>;
}

const thisSystem: ReadAheadSystem = { devices: "/sys/class/bdi", unmount };

/**
 * Mounts EROFS on `target` by `mount` and keeps the kernel from reading ahead on it: what is read from then on is what somebody touched.
 *
 * On a loop device the read-ahead is that device's. On a file, the file system has a device `erofs-N` of its own that nothing connects with the mount, so it is the one
 * that was not there before; should somebody else mount an EROFS in the same moment, that one loses its read-ahead too. One that is gone again
 * was not it.
 *
 * @returns reads ahead again as the kernel does by itself
 * @throws when neither is found or the kernel does not let it be set: what is read would say nothing. Then `target` is unmounted, lazily
 */
export async function mountWithoutReadAhead(
  target: string,
  mount: () => Promise<void>,
  { devices, unmount }: ReadAheadSystem = thisSystem,
): Promise<() => Promise<void>> {
  const before = new Set(await readdir(devices));
  await mount();
  try {
    const mine = await devicesOf(target, devices, before);
    const readAhead = async (kibibytes: number): Promise<number> => {
      const set = await Promise.all(mine.map((name) => setReadAhead(`${devices}/${name}/read_ahead_kb`, kibibytes)));
      return set.filter(Boolean).length;
    };
    if ((await readAhead(0)) === 0) throw noDevice(target, devices);
    return async () => void (await readAhead(kernelReadAheadKib));
  } catch (error) {
    await unmount(target, { lazy: true });
    throw error;
  }
}

/**
 * Mounts EROFS without read-ahead, which begins after a while; with it from the beginning where it cannot be stopped: that costs bytes, and a mount is worth more. A
 * mount that is gone by then needs none.
 */
export async function mountReadingAheadLater(
  target: string,
  mount: () => Promise<void>,
  laterMs: number,
  system: ReadAheadSystem = thisSystem,
): Promise<void> {
  const readAhead = await mountWithoutReadAhead(target, mount, system).catch(mount);
  if (readAhead) setTimeout(() => void readAhead().catch(() => undefined), laterMs).unref();
}

async function devicesOf(target: string, devices: string, before: ReadonlySet<string>): Promise<readonly string[]> {
  const own = (await mountOn(target))?.device;
  const after = await readdir(devices);
  const mine = after.filter((name) => name === own || (name.startsWith("erofs-") && !before.has(name)));
  if (mine.length === 0) throw noDevice(target, devices);
  return mine;
}

const noDevice = (target: string, devices: string): Error =>
  new Error(`${target}: no device of the mount in ${devices}`);

/** @returns whether the device is still there */
async function setReadAhead(file: string, kibibytes: number): Promise<boolean> {
  try {
    await writeFile(file, `${kibibytes}`, { flag: writeExisting });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
