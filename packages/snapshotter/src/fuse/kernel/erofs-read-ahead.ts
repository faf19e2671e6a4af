import { readdir, writeFile } from "node:fs/promises";
import { mountOn } from "./mount-table.js";

/** What the kernel gives every device (VM_READAHEAD_PAGES). KiB. */
const kernelReadAheadKib = 128;

/** One folder per backing device of a file system. Documentation/ABI/testing/sysfs-class-bdi */
const devices = "/sys/class/bdi";

/**
 * Mounts EROFS on `target` by `mount` and keeps the kernel from reading ahead on it: what is read from then on is what somebody touched.
 *
 * On a loop device the read-ahead is that device's. On a file, the file system has a device `erofs-N` of its own that nothing connects with the mount, so it is the one
 * that was not there before; should somebody else mount an EROFS in the same moment, that one loses its read-ahead too.
 *
 * @returns reads ahead again as the kernel does by itself
 * @throws when neither is found: what is read would say nothing
 */
export async function mountWithoutReadAhead(target: string, mount: () => Promise<void>): Promise<() => Promise<void>> {
  const before = new Set(await readdir(devices));
  await mount();
  const own = (await mountOn(target))?.device;
  const after = await readdir(devices);
  const mine = after.filter((name) => name === own || (name.startsWith("erofs-") && !before.has(name)));
  if (mine.length === 0) throw new Error(`${target}: no device of the mount in ${devices}`);
  const readAhead = async (kibibytes: number): Promise<void> => {
    for (const name of mine) await writeFile(`${devices}/${name}/read_ahead_kb`, `${kibibytes}`);
  };
  await readAhead(0);
  return () => readAhead(kernelReadAheadKib);
}
