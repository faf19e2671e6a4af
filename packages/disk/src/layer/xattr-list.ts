import { viewOf } from "../binary/integers.js";
import { InvalidFormatError } from "../invalid-format-error.js";

/** u16 name length and u32 value length. Bytes. */
const headerBytes = 2 + 4;
/** Linux `XATTR_NAME_MAX`. Bytes. */
export const maxXattrNameBytes = 255;
/** What EROFS can hold (`e_value_size` is 16 bits wide). Bytes. */
export const maxXattrValueBytes = 65_535;
/** All of an entry: what fits into the `i_xattr_icount` of an EROFS inode. Bytes. */
export const maxXattrListBytes = 196_608;

/** An extended attribute: the whole name (`security.capability`) and its bytes. */
export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** Sorts by name. @throws {InvalidFormatError} for a name that is empty, too long, has a NUL or occurs twice, and for too large values */
export function encodeXattrs(xattrs: readonly Xattr[]): Uint8Array {
  const sorted = xattrs.toSorted((a, b) => Buffer.compare(a.name, b.name));
  const bytes = new Uint8Array(
    sorted.reduce((sum, { name, value }) => sum + headerBytes + name.length + value.length, 0),
  );
  const view = viewOf(bytes);
  let at = 0;
  for (const { name, value } of sorted) {
    if (name.length > maxXattrNameBytes)
      throw new InvalidFormatError("xattrs", "name", "at most 255 bytes", name.length);
    view.setUint16(at, name.length, true);
    view.setUint32(at + 2, value.length, true);
    bytes.set(name, at + headerBytes);
    bytes.set(value, at + headerBytes + name.length);
    at += headerBytes + name.length + value.length;
  }
  checkXattrs(bytes, "xattrs", "list");
  return bytes;
}

/** The attributes of a checked list, as views into it. */
export function* iterateXattrs(list: Uint8Array): Generator<Xattr> {
  const view = viewOf(list);
  for (let at = 0; at < list.length; ) {
    const nameEnd = at + headerBytes + view.getUint16(at, true);
    const end = nameEnd + view.getUint32(at + 2, true);
    yield { name: list.subarray(at + headerBytes, nameEnd), value: list.subarray(nameEnd, end) };
    at = end;
  }
}

/** The rules of docs/format.md §2.4 for one list. @throws {InvalidFormatError} naming `part` and `place` */
export function checkXattrs(list: Uint8Array, part: string, place: string): void {
  if (list.length > maxXattrListBytes) {
    throw new InvalidFormatError(part, place, `xattrs of at most ${maxXattrListBytes} bytes`, list.length);
  }
  const view = viewOf(list);
  let previous: Uint8Array | undefined;
  for (let at = 0; at < list.length; ) {
    const end = checkXattr(list, view, at, part, place);
    const name = list.subarray(at + headerBytes, at + headerBytes + view.getUint16(at, true));
    if (previous !== undefined && Buffer.compare(previous, name) >= 0) {
      throw new InvalidFormatError(part, place, "xattr names that rise", JSON.stringify(Buffer.from(name).toString()));
    }
    previous = name;
    at = end;
  }
}

/** @returns where the next one starts */
function checkXattr(list: Uint8Array, view: DataView, at: number, part: string, place: string): number {
  if (at + headerBytes > list.length) throw new InvalidFormatError(part, place, "a whole xattr", `cut at byte ${at}`);
  const nameBytes = view.getUint16(at, true);
  const valueBytes = view.getUint32(at + 2, true);
  if (nameBytes === 0 || nameBytes > maxXattrNameBytes) {
    throw new InvalidFormatError(part, place, `an xattr name of 1 to ${maxXattrNameBytes} bytes`, nameBytes);
  }
  if (valueBytes > maxXattrValueBytes) {
    throw new InvalidFormatError(part, place, `an xattr value of at most ${maxXattrValueBytes} bytes`, valueBytes);
  }
  const end = at + headerBytes + nameBytes + valueBytes;
  if (end > list.length) throw new InvalidFormatError(part, place, "a whole xattr", `cut at byte ${at}`);
  if (list.subarray(at + headerBytes, at + headerBytes + nameBytes).includes(0)) {
    throw new InvalidFormatError(part, place, "an xattr name without NUL", "a NUL");
  }
  return end;
}
