import { readSync, writeSync, writevSync } from "node:fs";
import type { ReplyBuffer } from "../protocol/reply.js";
import type { RequestView } from "../protocol/request.js";

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

/** Waits for the next request. @returns false when the connection is over */
export function receive(fd: number, request: RequestView): boolean {
  for (;;) {
    try {
      readSync(fd, request.bytes, 0, request.bytes.byteLength, null);
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENODEV" || code === "ECONNABORTED") return false;
      // ENOENT: the request was given up while it was copied. fs/fuse/dev.c fuse_dev_do_read
      if (code !== "EINTR" && code !== "EAGAIN" && code !== "ENOENT") throw error;
    }
  }
}

/** The request was given up, or the whole connection: there is nobody to answer. */
const isNobodyWaiting = (error: unknown): boolean => {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENODEV" || code === "ECONNABORTED" || code === "EPERM";
};

/** @returns false when nobody waits for it any more */
export function send(fd: number, reply: ReplyBuffer): boolean {
  try {
    writeSync(fd, reply.bytes, 0, reply.length);
    return true;
  } catch (error) {
    if (isNobodyWaiting(error)) return false;
    throw error;
  }
}

/** An answer in pieces that belong together, in one writev(2), as the device demands. @returns false when nobody waits for it any more */
export function sendPieces(fd: number, pieces: readonly Uint8Array[]): boolean {
  try {
    writevSync(fd, pieces);
    return true;
  } catch (error) {
    if (isNobodyWaiting(error)) return false;
    throw error;
  }
}
