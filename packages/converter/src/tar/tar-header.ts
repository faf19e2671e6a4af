import { TarFieldError } from "./errors.js";
import { tarNumber } from "./tar-numbers.js";

/** Unit of a tar. Bytes. POSIX.1-2017, pax, "ustar Interchange Format". */
export const tarBlockBytes = 512;

type TarFormat = "v7" | "ustar" | "star" | "gnu";

/** One 512-byte header, decoded; the byte strings may be views into it. */
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
  for (let i = 0; i < block.length; i++) if (block[i] !== 0) return false;
  return true;
}

const ustarMagic = Buffer.from("ustar\0");
const gnuMagic = Buffer.from("ustar  \0");
const starMagic = Buffer.from("tar\0");

function hasAt(block: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (block[start + i] !== wanted[i]) return false;
  return true;
}

function formatOf(block: Uint8Array): TarFormat {
  if (hasAt(block, 257, gnuMagic)) return "gnu";
  if (!hasAt(block, 257, ustarMagic)) return "v7";
  return hasAt(block, 508, starMagic) ? "star" : "ustar";
}

/** The sum of all bytes with the checksum field as spaces. Some old programs summed signed bytes; both are taken. */
function checksumHolds(block: Uint8Array, stored: number): boolean {
  let unsigned = 8 * 32;
  for (let i = 0; i < 148; i++) unsigned += block[i] ?? 0;
  for (let i = 156; i < tarBlockBytes; i++) unsigned += block[i] ?? 0;
  if (stored === unsigned) return true;
  let high = 0;
  for (let i = 0; i < tarBlockBytes; i++) if (i < 148 || i >= 156) high += (block[i] ?? 0) >> 7;
  return stored === unsigned - 256 * high;
}

const nothing = new Uint8Array(0);

/** Where the name continues in front. GNU headers keep other things in that place. */
function prefixOf(block: Uint8Array, format: TarFormat): Uint8Array {
  if (block[345] === 0) return nothing;
  if (format === "ustar") return upToNul(block.subarray(345, 500));
  if (format === "star") return upToNul(block.subarray(345, 476));
  return nothing;
}

function joined(prefix: Uint8Array, name: Uint8Array): Uint8Array {
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from("/"), name]);
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
    typeflag: String.fromCharCode(block[156] ?? 0),
    path: joined(prefixOf(block, format), upToNul(block.subarray(0, 100))),
    linkPath: block[157] === 0 ? nothing : upToNul(block.subarray(157, 257)),
    mode: tarNumber(block, 100, 108, "mode"),
    uid: tarNumber(block, 108, 116, "uid"),
    gid: tarNumber(block, 116, 124, "gid"),
    sizeBytes: tarNumber(block, 124, 136, "size"),
    mtimeSeconds: tarNumber(block, 136, 148, "mtime"),
    deviceMajor: devices ? tarNumber(block, 329, 337, "device major number") : 0,
    deviceMinor: devices ? tarNumber(block, 337, 345, "device minor number") : 0,
  };
}
