/**
 * Numbers of the FUSE protocol, version 7, as far as a read-only server needs them. Source: Linux include/uapi/linux/fuse.h
 */
export const protocolMajor = 7;
/** What this server speaks. The kernel uses the lower of the two minors. 40: FUSE_HAS_RESEND. */
export const protocolMinor = 40;
/** Below this, the structures used here are shorter (Linux 4.20 has 28 and FUSE_MAX_PAGES). */
export const oldestMinor = 28;

export const opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  open: 14,
  read: 15,
  statfs: 17,
  release: 18,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
} as const;

/** Requests that change something: refused with EROFS. SETATTR, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, WRITE, SETXATTR, REMOVEXATTR, CREATE, FALLOCATE, RENAME2, COPY_FILE_RANGE, TMPFILE */
export const changingOpcodes: ReadonlySet<number> = new Set([
  4, 6, 8, 9, 10, 11, 12, 13, 16, 21, 24, 35, 43, 45, 47, 51,
]);

/** Flags of INIT, low 32 bits. */
export const initFlags = {
  asyncRead: 0x1,
  asyncDio: 0x8000,
  parallelDirops: 0x4_0000,
  maxPages: 0x40_0000,
  explicitInvalData: 0x200_0000,
  initExt: 0x4000_0000,
} as const;
/** Flags of INIT, high 32 bits, shifted down: bit 39 is bit 7 here. */
export const initFlags2 = { hasResend: 0x80 } as const;

/** Flags of the reply to OPEN. */
export const openFlags = { keepCache: 2 } as const;

/** Codes of messages that the server sends unasked; they stand in the error field, with unique 0. */
export const notifyCode = { invalEntry: 3, store: 4, resend: 7 } as const;

/** Set in `unique` (its top bit) of a request that is sent again after FUSE_NOTIFY_RESEND. In the high half. */
export const resentBitHigh = 0x8000_0000;
/** Set in `unique` of an INTERRUPT request itself (its lowest bit). fs/fuse/fuse_dev_i.h */
export const interruptBitLow = 1;

/** Node id of the root directory. */
export const rootInode = 1;

/** struct fuse_in_header: 4 len + 4 opcode + 8 unique + 8 nodeid + 4 uid + 4 gid + 4 pid + 4 padding. Bytes. */
export const inHeaderBytes = 40;
/** struct fuse_out_header: 4 len + 4 error + 8 unique. Bytes. */
export const outHeaderBytes = 16;
/** FUSE_MIN_READ_BUFFER; enough, because nothing is ever written to this file system. Bytes. */
export const requestBufferBytes = 8192;
/** The longest READ: 256 pages, what Linux allows by default (fs.fuse.max_pages_limit). Bytes. */
export const maxReadBytes: number = 1024 * 1024;
