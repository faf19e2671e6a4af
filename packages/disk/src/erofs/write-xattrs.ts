import { iterateXattrs } from "../layer/xattr-list.js";
import { prefixOf } from "./xattr-names.js";
import { xattrEntryBytes, xattrEntryHeaderBytes, xattrHeaderBytes } from "./xattr-size.js";

/** Writes the header (no name filter, nothing shared: zeros) and the entries of `list` behind an inode, at `at`. */
export function writeXattrs(bytes: Uint8Array, at: number, list: Uint8Array): void {
  let entry = at + xattrHeaderBytes;
  for (const xattr of iterateXattrs(list)) {
    const prefix = prefixOf(xattr.name);
    if (prefix === undefined) throw new RangeError("EROFS has no room for this attribute; the merge drops such");
    const suffix = xattr.name.subarray(prefix.prefix.length);
    bytes[entry] = suffix.length;
    bytes[entry + 1] = prefix.index;
    bytes[entry + 2] = xattr.value.length & 0xff;
    bytes[entry + 3] = xattr.value.length >>> 8;
    bytes.set(suffix, entry + xattrEntryHeaderBytes);
    bytes.set(xattr.value, entry + xattrEntryHeaderBytes + suffix.length);
    entry += xattrEntryBytes(xattr);
  }
}
