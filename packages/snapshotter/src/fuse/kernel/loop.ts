import { open, readFile } from "node:fs/promises";
import { KernelCallError } from "./kernel-call-error.js";
import { ioctlLater } from "./libc.js";

/** include/uapi/linux/loop.h */
const getFreeRequest = 0x4c82;
const configureRequest = 0x4c0a;
const flags = { readOnly: 1, autoClear: 4, directIo: 16 } as const;
/** struct loop_config: 4 fd + 4 block size + struct loop_info64 + 64 reserved; loop_info64: 5 × 8 + 4 × 4 + 64 + 64 + 32 + 16. Bytes. */
const configBytes = 4 + 4 + (40 + 16 + 64 + 64 + 32 + 16) + 64;
/** Of lo_flags: behind fd, block size, five 8-byte and three 4-byte fields of loop_info64. */
const flagsAt = 8 + 40 + 12;
const blockSizeAt = 4;

/** Others take loop devices too: between asking for a free one and taking it, somebody may be faster. */
const attempts = 16;

/** A block device over a file. Gone as soon as nobody has it open or mounted. */
export interface LoopDevice {
  readonly path: string;
  /** Lets go of it: call once it is mounted, or if it will not be. */
  release(): Promise<void>;
}

/**
 * A read-only loop device over `path`. Linux ≥ 5.8. It reads `path` directly: reading through the page cache, the kernel's one thread for the device waits for
 * each read to end before it begins the next, and one reader whose bytes are still to come would stop everybody else on the disk.
 *
 * @throws {KernelCallError}
 */
export async function attachLoop(path: string): Promise<LoopDevice> {
  const backing = await open(path, "r");
  const control = await open("/dev/loop-control", "r+");
  try {
    for (let attempt = 1; ; attempt++) {
      const number = await ioctlLater(control.fd, getFreeRequest, new Uint8Array(8), "LOOP_CTL_GET_FREE");
      const device = `/dev/loop${number}`;
      const loop = await open(device, "r");
      try {
        await ioctlLater(loop.fd, configureRequest, configuration(backing.fd), `LOOP_CONFIGURE of ${device}`);
        return { path: device, release: () => loop.close() };
      } catch (error) {
        await loop.close();
        const isTaken = error instanceof KernelCallError && error.code === "EBUSY";
        if (!isTaken || attempt === attempts) throw error;
      }
    }
  } finally {
    await control.close();
    await backing.close();
  }
}

function configuration(fd: number): Uint8Array {
  const config = new Uint8Array(configBytes);
  const view = new DataView(config.buffer);
  view.setUint32(0, fd, true);
  view.setUint32(blockSizeAt, 4096, true);
  view.setUint32(flagsAt, flags.readOnly | flags.autoClear | flags.directIo, true);
  return config;
}

/** The file behind a loop device, or nothing if `device` is none. */
export async function backingOf(device: string): Promise<string | undefined> {
  const name = /^\/dev\/(loop\d+)$/.exec(device)?.[1];
  if (name === undefined) return undefined;
  return await readFile(`/sys/block/${name}/loop/backing_file`, "utf8").then(
    (path) => path.trimEnd(),
    () => undefined,
  );
}
