import { notifyCode, outHeaderBytes, rootInode } from "./constants.js";

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
