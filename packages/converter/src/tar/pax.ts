import { TarFieldError } from "./errors.js";

/** The records of a PAX extended header that say something here, in order; keys as latin1 text, values as bytes. A key may come twice. */
export type PaxRecords = readonly { readonly key: string; readonly value: Uint8Array }[];

/** A sparse file of GNU's oldest form takes two a piece; of anything else that an image holds, a few dozen would do. */
const maxRecords = 16_384;
/** Whole keys, and beginnings of keys. */
const known = /^(?:path|linkpath|size|mtime|uid|gid|GNU\.sparse\..*|SCHILY\.xattr\..*|LIBARCHIVE\.xattr\..*)$/s;

const newline = 0x0a;
const space = 0x20;
const equals = 0x3d;

/**
 * Parses `length key=value\n` records. `length` counts the whole record, itself included.
 *
 * @throws {TarFieldError} if a record does not have that form, or there are too many
 */
export function parsePax(payload: Buffer): PaxRecords {
  const records: { key: string; value: Uint8Array }[] = [];
  let count = 0;
  for (let at = 0; at < payload.length; ) {
    if (++count > maxRecords) {
      throw new TarFieldError(`PAX header of over ${maxRecords} records; build the layer with fewer attributes`);
    }
    const blank = payload.indexOf(space, at);
    const lengthText = blank === -1 || blank - at > 10 ? "" : payload.toString("latin1", at, blank);
    const end = at + Number(lengthText);
    if (!/^[0-9]+$/.test(lengthText) || end > payload.length || end <= blank + 1 || payload[end - 1] !== newline) {
      throw new TarFieldError("PAX header with a record of the wrong length");
    }
    const split = payload.indexOf(equals, blank + 1);
    if (split === -1 || split >= end || split === blank + 1) throw new TarFieldError("PAX record without a key");
    const key = payload.toString("latin1", blank + 1, split);
    if (known.test(key)) records.push({ key, value: payload.subarray(split + 1, end - 1) });
    at = end;
  }
  return records;
}

/** The value that counts: the last one; undefined when there is none or it is empty, which restores the header's own. */
export function paxValue(records: PaxRecords, key: string): Uint8Array | undefined {
  if (records.length === 0) return undefined; // as for most entries
  const found = records.findLast((record) => record.key === key);
  return found === undefined || found.value.length === 0 ? undefined : found.value;
}
