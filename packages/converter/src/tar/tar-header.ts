import { TarFieldError } from "./errors.js";
import { tarNumber } from "./tar-numbers.js";

/** Unit of a tar. Bytes. POSIX.1-2017, pax, "ustar Interchange Format". */
export const tarBlockBytes = 512;

type TarFormat = "v7" | "ustar" | "star" | "gnu";

/** One 512-byte header, decoded; the byte strings are copies. */
export interface TarHeader {
  readonly format: TarFormat;
  /** A character such as `0`; NUL is told apart from `0`. */
  readonly typeflag: string;
  readonly path: Uint8Array;
  readonly linkPath: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** Up to the first NUL. */
export function upToNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (const byte of block) if (byte !== 0) return false;
  return true;
}

function formatOf(block: Buffer): TarFormat {
  const magic = block.toString("latin1", 257, 265);
  if (magic === "ustar  \0") return "gnu";
  if (!magic.startsWith("ustar\0")) return "v7";
  return block.toString("latin1", 508, 512) === "tar\0" ? "star" : "ustar";
}

/** The sum of all bytes with the checksum field as spaces. Some old programs summed signed bytes; both are taken. */
function checksumHolds(block: Uint8Array, stored: number): boolean {
  let unsigned = 8 * 32;
  let high = 0;
  for (let i = 0; i < tarBlockBytes; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    high += byte >> 7;
  }
  return stored === unsigned || stored === unsigned - 256 * high;
}

/** Where the name continues in front. GNU headers keep other things in that place. */
function prefixOf(block: Uint8Array, format: TarFormat): Uint8Array {
  if (format === "ustar") return upToNul(block.subarray(345, 500));
  if (format === "star") return upToNul(block.subarray(345, 476));
  return block.subarray(0, 0);
}

function joined(prefix: Uint8Array, name: Uint8Array): Uint8Array {
  return prefix.length === 0 ? Buffer.from(name) : Buffer.concat([prefix, Buffer.from("/"), name]);
}

/** @throws {TarFieldError} if the checksum or a number is wrong */
export function decodeTarHeader(block: Buffer): TarHeader {
  if (!checksumHolds(block, Number.parseInt(block.toString("latin1", 148, 156), 8))) {
    throw new TarFieldError("no tar header where one must be (its checksum is wrong)");
  }
  const format = formatOf(block);
  const devices = format !== "v7";
  return {
    format,
    typeflag: block.toString("latin1", 156, 157),
    path: joined(prefixOf(block, format), upToNul(block.subarray(0, 100))),
    linkPath: Buffer.from(upToNul(block.subarray(157, 257))),
    mode: tarNumber(block.subarray(100, 108), "mode"),
    uid: tarNumber(block.subarray(108, 116), "uid"),
    gid: tarNumber(block.subarray(116, 124), "gid"),
    sizeBytes: tarNumber(block.subarray(124, 136), "size"),
    mtimeSeconds: tarNumber(block.subarray(136, 148), "mtime"),
    deviceMajor: devices ? tarNumber(block.subarray(329, 337), "device major number") : 0,
    deviceMinor: devices ? tarNumber(block.subarray(337, 345), "device minor number") : 0,
  };
}
