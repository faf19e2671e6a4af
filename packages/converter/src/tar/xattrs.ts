import { encodeXattrs, InvalidFormatError } from "@sluice/disk";
import { TarFieldError } from "./errors.js";
import type { PaxRecords } from "./pax.js";

const schily = "SCHILY.xattr.";
const libarchive = "LIBARCHIVE.xattr.";

const none = new Uint8Array(0);

/**
 * The extended attributes among PAX records, as docs/format.md §2.4 keeps them: u16 name length, u32 value length, name,
 * value, sorted by name. `SCHILY.xattr.` carries raw bytes; `LIBARCHIVE.xattr.` a percent-encoded name and a base64
 * value, and counts where the other is absent.
 *
 * @throws {TarFieldError} if a name or a value is longer than the index can hold, or a name has a NUL
 */
export function xattrsOf(records: PaxRecords): Uint8Array {
  if (records.length === 0) return none;
  const byName = new Map<string, Uint8Array>();
  for (const { key, value } of records) {
    if (key.startsWith(libarchive))
      byName.set(libarchiveName(key), Buffer.from(Buffer.from(value).toString(), "base64"));
  }
  for (const { key, value } of records) {
    if (key.startsWith(schily)) byName.set(key.slice(schily.length), value);
  }
  if (byName.size === 0) return none;
  try {
    return encodeXattrs([...byName].map(([name, value]) => ({ name: Buffer.from(name, "latin1"), value })));
  } catch (error) {
    if (error instanceof InvalidFormatError) throw new TarFieldError(error.message, { cause: error });
    throw error;
  }
}

function libarchiveName(key: string): string {
  return key
    .slice(libarchive.length)
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
