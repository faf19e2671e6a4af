/** A section of a test ELF file; allocated unless it says otherwise. */
interface TestSection {
  readonly name: string;
  readonly bytes: Uint8Array | number;
  readonly flags?: number;
  readonly type?: number;
}

export interface TestElf {
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly rpath?: string;
  readonly runPath?: string;
  readonly sections?: readonly TestSection[];
}

export const elfFlag = { writable: 1, allocated: 2, executable: 4 } as const;
const tag = { needed: 1, stringTable: 5, rpath: 15, runPath: 29 } as const;

/** A 64-bit ELF file in which addresses are offsets: header, three program headers, strings, dynamic section, the sections each on a page. */
export function elfOf({ interpreter, needed = [], rpath, runPath, sections = [] }: TestElf): Buffer {
  let strings = "\0";
  const string = (text: string): number => {
    const at = strings.length;
    strings += `${text}\0`;
    return at;
  };
  const entries: [number, number][] = needed.map((name) => [tag.needed, string(name)]);
  if (rpath !== undefined) entries.push([tag.rpath, string(rpath)]);
  if (runPath !== undefined) entries.push([tag.runPath, string(runPath)]);
  const interpreterAt = 256 + string(interpreter ?? "");
  const names = sections.map(({ name }) => string(name));
  const dynamicAt = 256 + Math.ceil(strings.length / 8) * 8;
  entries.push([tag.stringTable, 256], [0, 0]);
  const dynamicBytes = entries.length * 16;
  let end = Math.ceil((dynamicAt + dynamicBytes) / 4096) * 4096;
  const placed = sections.map(({ bytes, flags = elfFlag.allocated, type = 1 }, i) => {
    const content = typeof bytes === "number" ? Buffer.alloc(bytes, 0x90) : bytes;
    const offset = end;
    end = Math.ceil((end + content.length) / 4096) * 4096;
    return { name: names[i] ?? 0, content, flags, type, offset };
  });
  const rows = [...placed, { name: 0, content: Buffer.alloc(strings.length), flags: 0, type: 3, offset: 256 }];
  const file = Buffer.alloc(end + rows.length * 64);
  file.write("\x7fELF\x02\x01\x01", 0, "latin1");
  const word = (value: number, at: number): number => file.writeBigUInt64LE(BigInt(value), at);
  word(64, 32);
  word(end, 40);
  [56, interpreter === undefined ? 2 : 3, 64, rows.length, rows.length - 1].forEach((value, i) => {
    file.writeUInt16LE(value, 54 + i * 2);
  });
  const segments = [
    [1, 0, end],
    [2, dynamicAt, dynamicBytes],
    [3, interpreterAt, (interpreter ?? "").length + 1],
  ] as const;
  segments.forEach(([type, offset, bytes], i) => {
    if (64 + (i + 1) * 56 > 256) return;
    file.writeUInt32LE(type, 64 + i * 56);
    word(offset, 72 + i * 56);
    word(offset, 80 + i * 56);
    word(bytes, 96 + i * 56);
  });
  file.write(strings, 256, "latin1");
  entries.forEach(([key, value], i) => {
    word(key, dynamicAt + i * 16);
    word(value, dynamicAt + i * 16 + 8);
  });
  rows.forEach(({ name, content, flags, type, offset }, i) => {
    if (offset > 256) file.set(content, offset);
    file.writeUInt32LE(name, end + i * 64);
    file.writeUInt32LE(type, end + i * 64 + 4);
    word(flags, end + i * 64 + 8);
    word(offset, end + i * 64 + 16);
    word(offset, end + i * 64 + 24);
    word(content.length, end + i * 64 + 32);
  });
  return file;
}
