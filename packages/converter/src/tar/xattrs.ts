import { TarFieldError } from "./errors.js";
import type { PaxRecords } from "./pax.js";

const schily = "SCHILY.xattr.";
const libarchive = "LIBARCHIVE.xattr.";

/** What the u16 before a name holds. What Linux does not take is left out, with a warning, when the layers are merged. Bytes. */
const maxNameBytes = 65_535;

const none = new Uint8Array(0);

/**
 * The extended attributes among PAX records, as docs/format.md §2.4 keeps them: u16 name length, u32 value length, name,
 * value, sorted by name. `SCHILY.xattr.` carries raw bytes; `LIBARCHIVE.xattr.` a percent-encoded name and a base64
 * value, and counts where the other is absent.
 *
 * @throws {TarFieldError} if a name is empty, has a NUL, or is longer than the index can say
 */
export function encodeXattrs(records: PaxRecords): Uint8Array {
  const byName = new Map<string, Uint8Array>();
  for (const { key, value } of records) {
    if (key.startsWith(libarchive))
      byName.set(libarchiveName(key), Buffer.from(Buffer.from(value).toString(), "base64"));
  }
  for (const { key, value } of records) {
    if (key.startsWith(schily)) byName.set(key.slice(schily.length), value);
  }
  if (byName.size === 0) return none;
  const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(sorted.flatMap(([name, value]) => encodeOne(Buffer.from(name, "latin1"), value)));
}

function libarchiveName(key: string): string {
  return key
    .slice(libarchive.length)
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function encodeOne(name: Buffer, value: Uint8Array): Uint8Array[] {
  if (name.length === 0 || name.length > maxNameBytes || name.includes(0)) {
    throw new TarFieldError(
      `extended attribute with a name of ${name.length} bytes (1 to ${maxNameBytes} can be, without NUL)`,
    );
  }
  const lengths = Buffer.alloc(6);
  lengths.writeUInt16LE(name.length, 0);
  lengths.writeUInt32LE(value.length, 2);
  return [lengths, name, value];
}
