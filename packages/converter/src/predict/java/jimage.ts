const magic = 0xcafe_dada;
const headerBytes = 28;

/** Length of header and index of a `modules` file of the JDK, behind which the classes lie; undefined for what is none. jimage's imageFile.hpp of OpenJDK */
export function jimageIndexBytes(header: Buffer): number | undefined {
  if (header.length < headerBytes || header.readUInt32LE(0) !== magic) return undefined;
  const tableLength = header.readUInt32LE(16);
  return headerBytes + tableLength * 8 + header.readUInt32LE(20) + header.readUInt32LE(24);
}

export { headerBytes as jimageHeaderBytes };
