import type { Xattr } from "../layer/xattr-list.js";
import { prefixOf } from "./xattr-names.js";

/** 4 name filter + 1 shared count + 7 reserved. Bytes. `struct erofs_xattr_ibody_header` */
export const xattrHeaderBytes: number = 4 + 1 + 7;
/** 1 name length + 1 prefix + 2 value size. Bytes. `struct erofs_xattr_entry` */
export const xattrEntryHeaderBytes: number = 1 + 1 + 2;
/** What one attribute takes behind the header, padded to 4. Bytes. */
export function xattrEntryBytes({ name, value }: Xattr): number {
  const suffixBytes = name.length - (prefixOf(name)?.prefix.length ?? 0);
  return Math.ceil((xattrEntryHeaderBytes + suffixBytes + value.length) / 4) * 4;
}
