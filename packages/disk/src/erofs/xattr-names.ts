/** EROFS keeps a number for the beginning of a name. `erofs_fs.h`: EROFS_XATTR_INDEX_*; 5 is Lustre's and not used. */
export interface XattrPrefix {
  readonly index: number;
  readonly prefix: Uint8Array;
  /** The prefix is the name, nothing follows. */
  readonly whole: boolean;
}

const prefix = (index: number, text: string, whole: boolean): XattrPrefix => ({
  index,
  prefix: Buffer.from(text),
  whole,
});

export const xattrPrefixes: readonly XattrPrefix[] = [
  prefix(1, "user.", false),
  prefix(2, "system.posix_acl_access", true),
  prefix(3, "system.posix_acl_default", true),
  prefix(4, "trusted.", false),
  prefix(6, "security.", false),
];

export const startsWith = (bytes: Uint8Array, start: Uint8Array): boolean => {
  if (bytes.length < start.length) return false;
  for (let i = 0; i < start.length; i++) if (bytes[i] !== start[i]) return false;
  return true;
};

/** How EROFS writes `name`, or undefined when it cannot. */
export const prefixOf = (name: Uint8Array): XattrPrefix | undefined =>
  xattrPrefixes.find(
    ({ prefix, whole }) =>
      startsWith(name, prefix) && (whole ? name.length === prefix.length : name.length > prefix.length),
  );
