import type { AbortOptions } from "@sluice/oci/content";
import { viewOf } from "../binary/integers.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import type { Xattr } from "../layer/xattr-list.js";
import type { ErofsInode } from "./erofs-inode.js";
import type { MetadataBlocks } from "./metadata-blocks.js";
import type { Superblock } from "./read-superblock.js";
import { xattrPrefixes } from "./xattr-names.js";
import { xattrEntryHeaderBytes, xattrHeaderBytes } from "./xattr-size.js";

const part = "EROFS xattrs";

/** All extended attributes of an inode, those behind it first, then the shared ones. Prefixes that are not known are left out. */
export async function readXattrs(
  blocks: MetadataBlocks,
  superblock: Superblock,
  inode: ErofsInode,
  options?: AbortOptions,
): Promise<Xattr[]> {
  if (inode.xattrBytes === 0) return [];
  const place = `node ${inode.nid}`;
  const body = await blocks.read(inode.xattrOffset, inode.xattrBytes, `${place}, xattrs`, options);
  const view = viewOf(body);
  const sharedCount = view.getUint8(4);
  const entriesStart = xattrHeaderBytes + sharedCount * 4;
  if (entriesStart > body.length) {
    throw new InvalidFormatError(part, place, `ids of shared attributes in ${body.length} bytes`, sharedCount);
  }
  const found = inlineXattrs(body, entriesStart, place);
  for (let i = 0; i < sharedCount; i++) {
    const at = superblock.sharedXattrOffset + view.getUint32(xattrHeaderBytes + i * 4, true) * 4;
    const header = await blocks.read(at, xattrEntryHeaderBytes, `${place}, shared xattr`, options);
    const entry = await blocks.read(at, entryBytes(header, 0), `${place}, shared xattr`, options);
    const xattr = decodeEntry(entry, 0);
    if (xattr !== undefined) found.push(xattr);
  }
  return found;
}

function inlineXattrs(body: Uint8Array, start: number, place: string): Xattr[] {
  const found: Xattr[] = [];
  for (let at = start; at < body.length; ) {
    const end = at + xattrEntryHeaderBytes <= body.length ? at + entryBytes(body, at) : Number.POSITIVE_INFINITY;
    if (end > body.length) throw new InvalidFormatError(part, place, `entries in ${body.length} bytes`, `one at ${at}`);
    const xattr = decodeEntry(body, at);
    if (xattr !== undefined) found.push(xattr);
    at = Math.ceil(end / 4) * 4;
  }
  return found;
}

/** Header, name and value, without padding. */
const entryBytes = (bytes: Uint8Array, at: number): number =>
  xattrEntryHeaderBytes + (bytes[at] ?? 0) + (bytes[at + 2] ?? 0) + 256 * (bytes[at + 3] ?? 0);

function decodeEntry(bytes: Uint8Array, at: number): Xattr | undefined {
  const prefix = xattrPrefixes.find(({ index }) => index === bytes[at + 1]);
  if (prefix === undefined) return undefined;
  const nameStart = at + xattrEntryHeaderBytes;
  const nameEnd = nameStart + (bytes[at] ?? 0);
  return {
    name: Buffer.concat([prefix.prefix, bytes.subarray(nameStart, nameEnd)]),
    value: bytes.subarray(nameEnd, at + entryBytes(bytes, at)),
  };
}
