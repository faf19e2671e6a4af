const magic = "glibc-ld.so.cache1.1";
const headerBytes = 48;
const entryBytes = 24;
/** A library of x86-64 for the C library 6. `FLAG_ELF_LIBC6 | FLAG_X8664_LIB64` of glibc's sysdeps/generic/ldconfig.h */
const flagsOfX8664 = 0x0303;

/** Paths of libraries by name out of `/etc/ld.so.cache`; empty for what is no cache of glibc 2.2 or later. */
export function parseLoaderCache(bytes: Buffer): ReadonlyMap<string, string> {
  const libraries = new Map<string, string>();
  const start = bytes.subarray(0, 4096).indexOf(magic, 0, "latin1");
  // An old table may come before; offsets count from the magic of the new one.
  const base = start === -1 ? bytes.subarray(0, 0) : startOfNewTable(bytes, start);
  if (base.length < headerBytes) return libraries;
  const count = Math.min(base.readUInt32LE(20), Math.floor((base.length - headerBytes) / entryBytes));
  for (let i = 0; i < count; i++) {
    const at = headerBytes + i * entryBytes;
    const name = stringAt(base, base.readUInt32LE(at + 4));
    const isPlain =
      base.readUInt32LE(at) === flagsOfX8664 && base.readUInt32LE(at + 16) === 0 && base.readUInt32LE(at + 20) === 0;
    if (isPlain && name !== "" && !libraries.has(name)) libraries.set(name, stringAt(base, base.readUInt32LE(at + 8)));
  }
  return libraries;
}

const startOfNewTable = (bytes: Buffer, start: number): Buffer => bytes.subarray(start);

function stringAt(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return start >= bytes.length || end === -1 ? "" : bytes.toString("latin1", start, end);
}
