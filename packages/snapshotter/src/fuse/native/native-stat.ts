import type { NativeStat } from "./fuse-native-types.js";
import type { PathAttributes } from "./path-operations.js";

/** The kernel's 32-bit form of a device number. include/linux/kdev_t.h new_encode_dev */
const deviceNumber = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xf_ff00) << 12)) >>> 0;

/** 1970 stands for every time before it: the way through fuse-native has no sign. */
const shownMs = (ms: number): number => Math.max(0, Math.floor(ms));

export function nativeStat(attributes: PathAttributes): NativeStat {
  const time = shownMs(attributes.mtimeMs);
  return {
    mode: attributes.mode,
    uid: attributes.uid,
    gid: attributes.gid,
    size: attributes.sizeBytes,
    nlink: attributes.linkCount,
    ino: attributes.inode,
    rdev: deviceNumber(attributes.rdevMajor, attributes.rdevMinor),
    blksize: 4096,
    blocks: Math.ceil(attributes.sizeBytes / 512),
    atime: time,
    mtime: time,
    ctime: time,
  };
}
