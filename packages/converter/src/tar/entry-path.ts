import { TarFieldError } from "./errors.js";

const slash = 0x2f;
const dot = 0x2e;
/** Linux: NAME_MAX. Bytes. */
const maxNameBytes = 255;
/** Linux: PATH_MAX without its NUL. Bytes. */
export const maxPathBytes = 4095;

const whiteoutPrefix = Buffer.from(".wh.");
const metaPrefix = Buffer.from(".wh..wh.");
const opaqueName = Buffer.from(".wh..wh..opq");

/**
 * A path as the layer index keeps it: no leading or trailing `/`, no empty or `.` component; the root is empty.
 * An absolute name is one below the root, as every unpacker of images has it.
 *
 * @throws {TarFieldError} if it has a `..` component, a NUL, or is longer than Linux takes
 */
export function normalisePath(raw: Uint8Array, what: string): Uint8Array {
  if (raw.includes(0)) throw new TarFieldError(`${what} with a NUL byte`);
  const normalLength = normalLengthOf(raw);
  if (normalLength !== undefined) return Buffer.from(raw.subarray(0, normalLength));
  const path = Buffer.allocUnsafe(raw.length + 1);
  let length = 0;
  for (let at = 0; at < raw.length; ) {
    const found = raw.indexOf(slash, at);
    const end = found === -1 ? raw.length : found;
    if (!isEmptyComponent(raw, at, end, what)) {
      if (length > 0) path[length++] = slash;
      path.set(raw.subarray(at, end), length);
      length += end - at;
    }
    at = end + 1;
  }
  if (length > maxPathBytes) throw new TarFieldError(`${what} of ${length} bytes; at most ${maxPathBytes} can be`);
  return path.subarray(0, length);
}

/** The length without a slash at the end, of a path that is normal but for that. Undefined for any that needs a closer look. */
function normalLengthOf(raw: Uint8Array): number | undefined {
  const length = raw[raw.length - 1] === slash ? raw.length - 1 : raw.length;
  if (length > maxPathBytes) return undefined;
  for (let start = 0, at = 0; at <= length; at++) {
    if (at < length && raw[at] !== slash) continue;
    if (at === start || at - start > maxNameBytes || raw[start] === dot) return undefined;
    start = at + 1;
  }
  return length;
}

function isEmptyComponent(raw: Uint8Array, start: number, end: number, what: string): boolean {
  const length = end - start;
  if (length === 0) return true;
  if (length > maxNameBytes) throw new TarFieldError(`${what} with a name of ${length} bytes; at most 255 can be`);
  if (raw[start] !== dot) return false;
  if (length === 2 && raw[start + 1] === dot) throw new TarFieldError(`${what} with a ".." component`);
  return length === 1;
}

/** What a name means in a layer. OCI image-spec, layer.md, "Whiteouts". */
export type LayerName =
  | { readonly kind: "plain" }
  | { readonly kind: "whiteout"; readonly path: Uint8Array }
  | { readonly kind: "opaque"; readonly path: Uint8Array }
  /** AUFS's own files (`.wh..wh.plnk` and so on), which unpackers skip. */
  | { readonly kind: "ignored" };

const plain: LayerName = { kind: "plain" };
const ignored: LayerName = { kind: "ignored" };

/** @throws {TarFieldError} if it is a whiteout of no name, of `.` or of `..` */
export function layerNameOf(path: Uint8Array): LayerName {
  const nameStart = path.lastIndexOf(slash) + 1;
  if (path[nameStart] !== dot) return plain;
  const name = Buffer.from(path.buffer, path.byteOffset + nameStart, path.length - nameStart);
  if (!name.subarray(0, whiteoutPrefix.length).equals(whiteoutPrefix)) return plain;
  const directory = path.subarray(0, Math.max(0, nameStart - 1));
  if (name.equals(opaqueName)) return { kind: "opaque", path: directory };
  if (name.subarray(0, metaPrefix.length).equals(metaPrefix)) return ignored;
  const hidden = name.subarray(whiteoutPrefix.length);
  if (hidden.length === 0 || hidden.equals(Buffer.from(".")) || hidden.equals(Buffer.from(".."))) {
    throw new TarFieldError("whiteout of no file");
  }
  return { kind: "whiteout", path: Buffer.concat([path.subarray(0, nameStart), hidden]) };
}
