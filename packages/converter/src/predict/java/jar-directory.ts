const endOfDirectory = 0x0605_4b50;
const endRecordBytes = 22;

/** How far from its end a ZIP file's directory can be looked for: the record and the longest comment. Bytes. */
export const maxEndRecordBytes: number = endRecordBytes + 65_535;

/** Where the directory of a ZIP file starts, which lasts to its end; undefined for what is none. APPNOTE.TXT 4.3.16. `tail` are the last bytes of the file. */
export function zipDirectoryStart(tail: Buffer): number | undefined {
  for (let at = tail.length - endRecordBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) === endOfDirectory) return tail.readUInt32LE(at + 16);
  }
  return undefined;
}
