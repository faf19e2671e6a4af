import { notifyCode, outHeaderBytes, rootInode } from "./constants.js";

/** Queue every request again that was read and not answered, whoever read it. Linux ≥ 6.9. A header without a body. */
export const resendAll = (): Uint8Array =>
  new Uint8Array(Uint32Array.of(outHeaderBytes, notifyCode.resend, 0, 0).buffer);

/** Forget a name in the root directory. struct fuse_notify_inval_entry_out { u64 parent, u32 namelen, u32 flags }, the name, a NUL. */
export function invalEntry(name: string): Uint8Array {
  const bodyBytes = 16 + name.length + 1;
  const message = new Uint8Array(outHeaderBytes + bodyBytes);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.byteLength, true);
  view.setInt32(4, notifyCode.invalEntry, true);
  view.setUint32(outHeaderBytes, rootInode, true);
  view.setUint32(outHeaderBytes + 8, name.length, true);
  message.set(Buffer.from(name, "latin1"), outHeaderBytes + 16);
  return message;
}

/** Header and struct fuse_notify_store_out { u64 nodeid, u64 offset, u32 size, u32 padding }; the bytes follow. Bytes. */
export const storeHeadBytes: number = outHeaderBytes + 24;

/**
 * Put bytes into the page cache of a file, in place of what is there: writes the head in front of `length` bytes that lie at {@link storeHeadBytes} already.
 *
 * The kernel must know the inode, else it answers ENOENT. It waits for the lock of each page, which a read in flight holds, and it makes the file longer when
 * the bytes reach behind its end. fs/fuse/dev.c fuse_notify_store
 *
 * @param message starts at a multiple of 4 of its buffer
 * @returns bytes of the whole message
 */
export function storeHead(message: Uint8Array, inode: number, offset: number, length: number): number {
  const words = new Uint32Array(message.buffer, message.byteOffset, storeHeadBytes / 4);
  words.fill(0);
  words[0] = storeHeadBytes + length;
  words[1] = notifyCode.store;
  words[4] = inode;
  words[6] = offset >>> 0;
  words[7] = Math.floor(offset / 2 ** 32);
  words[8] = length;
  return storeHeadBytes + length;
}
