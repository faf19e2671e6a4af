/** Of the ELF-64 specification, and of the GNU and LLVM additions to it. */
export const segmentType = { load: 1, dynamic: 2, interpreter: 3, relro: 0x6474_e552 } as const;
export const segmentFlag = { executable: 1, writable: 2 } as const;
export const sectionType = { symbols: 2, noBits: 8, dynamicSymbols: 11 } as const;
export const symbolBytes = 24;
const dataObject = 1;
export const sectionFlag = { writable: 1, allocated: 2, executable: 4 } as const;

export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
}

export interface ElfSection {
  /** Where the name is in the table of section names. */
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly link: number;
}

/** Where the tables of an ELF file are. */
export interface ElfHeader {
  readonly segmentsOffset: number;
  readonly segmentCount: number;
  readonly sectionsOffset: number;
  readonly sectionCount: number;
  readonly sectionNamesIndex: number;
}

export const elfHeaderBytes = 64;
export const segmentBytes = 56;
export const sectionBytes = 64;
/** Real ones have a dozen. */
const maxSegments = 256;
/** Real ones have a few dozen. */
const maxSections = 4096;

/** Undefined for anything but a 64-bit little-endian ELF file. Numbers are as the file has them: they may lie outside of it. */
export function parseElfHeader(bytes: Buffer): ElfHeader | undefined {
  if (bytes.length < elfHeaderBytes || bytes.readUInt32BE(0) !== 0x7f45_4c46) return undefined;
  const is64BitLittleEndian = bytes[4] === 2 && bytes[5] === 1;
  if (!is64BitLittleEndian || bytes.readUInt16LE(54) !== segmentBytes) return undefined;
  const hasSections = bytes.readUInt16LE(58) === sectionBytes;
  return {
    segmentsOffset: wordAt(bytes, 32),
    segmentCount: Math.min(bytes.readUInt16LE(56), maxSegments),
    sectionsOffset: wordAt(bytes, 40),
    sectionCount: hasSections ? Math.min(bytes.readUInt16LE(60), maxSections) : 0,
    sectionNamesIndex: bytes.readUInt16LE(62),
  };
}

/** The program headers, as many as `bytes` hold. */
export const parseSegments = (bytes: Buffer): ElfSegment[] =>
  rowsOf(bytes, segmentBytes, (at) => ({
    type: bytes.readUInt32LE(at),
    flags: bytes.readUInt32LE(at + 4),
    offset: wordAt(bytes, at + 8),
    address: wordAt(bytes, at + 16),
    fileBytes: wordAt(bytes, at + 32),
  }));

/** The section headers, as many as `bytes` hold. */
export const parseSections = (bytes: Buffer): ElfSection[] =>
  rowsOf(bytes, sectionBytes, (at) => ({
    nameOffset: bytes.readUInt32LE(at),
    type: bytes.readUInt32LE(at + 4),
    flags: wordAt(bytes, at + 8),
    offset: wordAt(bytes, at + 24),
    sizeBytes: wordAt(bytes, at + 32),
    link: bytes.readUInt32LE(at + 40),
  }));

export interface ElfSymbol {
  readonly address: number;
  readonly sizeBytes: number;
}

/** The data objects of a symbol table that have at least `minBytes`. */
export function parseSymbols(bytes: Buffer, minBytes: number): ElfSymbol[] {
  const found: ElfSymbol[] = [];
  for (let at = 0; at + symbolBytes <= bytes.length; at += symbolBytes) {
    const sizeBytes = wordAt(bytes, at + 16);
    const isObject = ((bytes[at + 4] ?? 0) & 15) === dataObject;
    if (isObject && sizeBytes >= minBytes) found.push({ address: wordAt(bytes, at + 8), sizeBytes });
  }
  return found;
}

/** Pairs of tag and value up to the end mark. */
export function parseDynamic(bytes: Buffer): (readonly [tag: number, value: number])[] {
  const entries: (readonly [number, number])[] = [];
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const tag = wordAt(bytes, at);
    if (tag === 0) break;
    entries.push([tag, wordAt(bytes, at + 8)]);
  }
  return entries;
}

function rowsOf<Row>(bytes: Buffer, rowBytes: number, row: (at: number) => Row): Row[] {
  return Array.from({ length: Math.floor(bytes.length / rowBytes) }, (_, i) => row(i * rowBytes));
}

/** A 64-bit word as a number; those above 2^53 lose their last bits and lie outside of any file anyway. */
const wordAt = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
