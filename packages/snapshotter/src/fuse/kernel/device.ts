import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { ioctlStructure } from "./libc.js";

/** `_IOR(229, 0, uint32_t)`. include/uapi/linux/fuse.h */
const cloneRequest = 0x8004e500;

/** @returns a descriptor of /dev/fuse that is not connected to any mount yet. @throws ENOENT or EACCES where FUSE is not to be had */
export const openFuseDevice = (): number => openSync("/dev/fuse", "r+");

/**
 * A second descriptor of the connection of `fd`, with a list of requests in progress of its own: an answer must be written to the descriptor its request was
 * read from. Closing it fails the requests that were read from it, so who wants to hand a connection over must hand over all of its descriptors.
 */
export function cloneFuseDevice(fd: number): number {
  const clone = openFuseDevice();
  try {
    connectFuseDevice(clone, fd);
    return clone;
  } catch (error) {
    closeSync(clone);
    throw error;
  }
}

/** Makes `device`, which is connected to nothing, another descriptor of the connection of `fd`. */
export function connectFuseDevice(device: number, fd: number): void {
  ioctlStructure(device, cloneRequest, new Uint8Array(Uint32Array.of(fd).buffer), `FUSE_DEV_IOC_CLONE of ${fd}`);
}

/** Whether this process may open /dev/fuse; if not, why. */
export async function probeFuseDevice(): Promise<string | undefined> {
  try {
    await (await open("/dev/fuse", "r+")).close();
    return undefined;
  } catch (error) {
    return `/dev/fuse cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}
