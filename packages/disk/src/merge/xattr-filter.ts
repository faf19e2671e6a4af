import { prefixOf, startsWith } from "../erofs/xattr-names.js";
import { entryType } from "../layer/layer-index.js";
import { encodeXattrs, iterateXattrs, type Xattr } from "../layer/xattr-list.js";

const aclVersion = 2;
const overlayPrefixes = [Buffer.from("trusted.overlay."), Buffer.from("user.overlay.")];
const userPrefix = Buffer.from("user.");

/** Told of an attribute that is left out. */
export type OnDropped = (name: Uint8Array, reason: string) => void;

/**
 * `list` without what the disk must not or cannot hold. The attributes of the overlay file system are private to it: an image
 * that carries them could hide or redirect files of the container.
 */
export function keptXattrs(list: Uint8Array, type: number, onDropped: OnDropped): Uint8Array {
  if (list.length === 0) return list;
  const kept: Xattr[] = [];
  let dropped = false;
  for (const xattr of iterateXattrs(list)) {
    const reason = reasonToDrop(xattr, type);
    if (reason === undefined) {
      kept.push(xattr);
    } else {
      dropped = true;
      onDropped(xattr.name, reason);
    }
  }
  return dropped ? encodeXattrs(kept) : list;
}

function reasonToDrop({ name, value }: Xattr, type: number): string | undefined {
  if (overlayPrefixes.some((overlay) => startsWith(name, overlay))) return "private to the overlay file system";
  const prefix = prefixOf(name);
  if (prefix === undefined) return "EROFS has no room for names of this kind";
  if (prefix.whole && !isPosixAcl(value)) return "not a POSIX ACL of version 2";
  if (startsWith(name, userPrefix) && type !== entryType.file && type !== entryType.directory) {
    return "Linux has user attributes on files and directories only";
  }
  return undefined;
}

/** u32 version, then entries of 8 bytes. A malformed one would make the kernel refuse access to the file. `posix_acl_xattr.h` */
function isPosixAcl(value: Uint8Array): boolean {
  if (value.length < 4 || value.length % 8 !== 4) return false;
  return value[0] === aclVersion && value[1] === 0 && value[2] === 0 && value[3] === 0;
}
