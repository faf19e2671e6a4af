import { blockSizeBytes, type EntryType, entryType } from "@sluice/disk";
import { layerNameOf, maxPathBytes, normalisePath } from "./entry-path.js";
import { TarFieldError } from "./errors.js";
import { type PaxRecords, paxValue } from "./pax.js";
import { type PaxSparse, paxSparse, type SparsePiece } from "./sparse.js";
import type { TarHeader } from "./tar-header.js";
import { decimal, paxTime } from "./tar-numbers.js";
import { xattrsOf } from "./xattrs.js";

/** One entry of a layer, its name and attributes put together from all headers that speak of it. */
export interface TarEntry {
  /** `ignored`: a file that unpackers skip; its content is part of the tar and of nothing else. */
  readonly type: EntryType | "ignored";
  /** Normalised (docs/format.md §2.4). Whiteout: the hidden path; opaque: the directory. */
  readonly path: Uint8Array;
  /** Symlink: as it stands. Hard link: normalised. Else empty. */
  readonly target: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Files: length, holes included. Else 0. */
  readonly sizeBytes: number;
  /** Bytes of content that follow in the tar; whiteouts may have some, too, that nobody unpacks. */
  readonly storedBytes: number;
  /** Sparse files: where the stored bytes belong. Sorted, apart, not empty, adding up to `storedBytes`. */
  readonly pieces: readonly SparsePiece[] | undefined;
  /** docs/format.md §2.4 */
  readonly xattrs: Uint8Array;
}

/** What the headers in front of an entry's own said. */
export interface EntryExtensions {
  readonly pax: PaxRecords;
  readonly gnuPath: Uint8Array | undefined;
  readonly gnuLinkPath: Uint8Array | undefined;
}

/** An entry but for its sparse map, which may still have to be read. */
export interface EntryHead {
  readonly entry: TarEntry;
  readonly sparse: PaxSparse | "old" | undefined;
}

/** The largest file: a disk of 2^32 blocks. Bytes. docs/format.md §1 */
const maxFileBytes = 2 ** 32 * blockSizeBytes;
const maxId = 0xffff_ffff;
const nothing = new Uint8Array(0);

/** NUL is a file too, in tars older than POSIX; `7` (contiguous) is one on every system today; `S` is GNU's sparse file. */
const types: Readonly<Record<string, EntryType>> = {
  "\0": entryType.file,
  "0": entryType.file,
  "7": entryType.file,
  S: entryType.file,
  "1": entryType.hardLink,
  "2": entryType.symlink,
  "3": entryType.characterDevice,
  "4": entryType.blockDevice,
  "5": entryType.directory,
  "6": entryType.fifo,
};

/** The name of an entry as the tar has it, for messages and for {@link entryHead}. */
export function rawPathOf(header: TarHeader, extensions: EntryExtensions): Uint8Array {
  return extensions.gnuPath ?? paxValue(extensions.pax, "path") ?? header.path;
}

/** @throws {TarFieldError} if the entry cannot be unpacked exactly */
export function entryHead(header: TarHeader, extensions: EntryExtensions): EntryHead {
  const { pax } = extensions;
  const size = paxValue(pax, "size");
  const storedBytes = size === undefined ? header.sizeBytes : decimal(size, "size");
  if (storedBytes < 0) throw new TarFieldError(`size ${storedBytes} is below zero`);
  const type = typeOf(header, extensions);
  const sparse = type === entryType.file ? sparseOf(header, pax, storedBytes) : undefined;
  const rawPath = (sparse !== "old" && sparse?.path) || rawPathOf(header, extensions);
  const named = namedAs(type, normalisePath(rawPath, "name"));
  const mtime = mtimeOf(header, pax);
  const isDevice = named.type === entryType.characterDevice || named.type === entryType.blockDevice;
  const isFile = named.type === entryType.file;
  const entry: TarEntry = {
    type: named.type,
    path: named.path,
    target: targetOf(named.type, header, extensions),
    mode: header.mode & 0o7777,
    uid: idOf(header.uid, pax, "uid"),
    gid: idOf(header.gid, pax, "gid"),
    mtimeSeconds: mtime.seconds,
    mtimeNanoseconds: mtime.nanoseconds,
    deviceMajor: isDevice ? upTo(header.deviceMajor, 0xfff, "device major number") : 0,
    deviceMinor: isDevice ? upTo(header.deviceMinor, 0xf_ffff, "device minor number") : 0,
    sizeBytes: isFile ? fileSize(sparse !== undefined && sparse !== "old" ? sparse.sizeBytes : storedBytes) : 0,
    storedBytes: type === entryType.file ? storedBytes : 0,
    pieces: undefined,
    xattrs: named.type === type ? xattrsOf(pax) : nothing,
  };
  return { entry, sparse };
}

function typeOf(header: TarHeader, extensions: EntryExtensions): EntryType {
  const type = types[header.typeflag];
  if (type === undefined) throw new TarFieldError(`type ${JSON.stringify(header.typeflag)} cannot be unpacked`);
  const name = rawPathOf(header, extensions);
  return header.typeflag === "\0" && name.at(-1) === 0x2f ? entryType.directory : type;
}

function sparseOf(header: TarHeader, pax: PaxRecords, storedBytes: number): PaxSparse | "old" | undefined {
  return header.typeflag === "S" ? "old" : paxSparse(pax, storedBytes);
}

function namedAs(type: EntryType, path: Uint8Array): Pick<TarEntry, "type" | "path"> {
  const name = layerNameOf(path);
  switch (name.kind) {
    case "plain":
      if (path.length === 0 && type !== entryType.directory) throw new TarFieldError("the root must be a directory");
      return { type, path };
    case "whiteout":
      return { type: entryType.whiteout, path: name.path };
    case "opaque":
      return { type: entryType.opaque, path: name.path };
    case "ignored":
      return { type: "ignored", path };
  }
}

function targetOf(type: TarEntry["type"], header: TarHeader, { pax, gnuLinkPath }: EntryExtensions): Uint8Array {
  if (type !== entryType.symlink && type !== entryType.hardLink) return nothing;
  const raw = gnuLinkPath ?? paxValue(pax, "linkpath") ?? header.linkPath;
  if (type === entryType.hardLink) {
    const target = normalisePath(raw, "hard link to a name");
    if (target.length === 0) throw new TarFieldError("hard link to nothing");
    return target;
  }
  if (raw.length === 0 || raw.length > maxPathBytes || raw.includes(0)) {
    throw new TarFieldError(`symlink to ${raw.length} bytes; 1 to ${maxPathBytes} without NUL can be`);
  }
  return Buffer.from(raw);
}

function mtimeOf(header: TarHeader, pax: PaxRecords): { seconds: number; nanoseconds: number } {
  const mtime = paxValue(pax, "mtime");
  return mtime === undefined ? { seconds: header.mtimeSeconds, nanoseconds: 0 } : paxTime(mtime, "mtime");
}

function idOf(fromHeader: number, pax: PaxRecords, key: "uid" | "gid"): number {
  const value = paxValue(pax, key);
  return upTo(value === undefined ? fromHeader : decimal(value, key), maxId, key);
}

function upTo(value: number, most: number, name: string): number {
  if (value < 0 || value > most) throw new TarFieldError(`${name} ${value} is not between 0 and ${most}`);
  return value;
}

export function fileSize(sizeBytes: number): number {
  if (sizeBytes < 0 || sizeBytes >= maxFileBytes) {
    throw new TarFieldError(`size ${sizeBytes} is not between 0 and ${maxFileBytes}`);
  }
  return sizeBytes;
}
