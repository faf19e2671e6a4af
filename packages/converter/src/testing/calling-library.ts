import { elfFlag, elfOf } from "./elf-of.js";

export interface TestCalls {
  /** Pages of code; on each that `functions` names is one, which ends with the page. */
  readonly codePages: number;
  readonly functions: readonly number[];
  /** From the function on one page to that on another, or to what another library has under a name. */
  readonly calls?: readonly (readonly [from: number, to: number | string])[];
  readonly constructors?: readonly number[];
  /** Names of functions that other files may call. */
  readonly exports?: Readonly<Record<string, number>>;
  /** Function whose address the slots of a Python module's definition have; the first export refers to that. */
  readonly slot?: number;
  readonly needed?: readonly string[];
}

const page = 4096;
const relative = 8;
const jumpSlot = 7;

/** A library with code on pages from 1 on and the tables that say what its functions call. */
export function callingLibrary(about: TestCalls): Buffer {
  const { codePages, functions, calls = [], constructors = [], exports = {}, slot, needed = [] } = about;
  const address = (codePage: number): number => (1 + codePage) * page;
  const [plt, got, initArray, data, unwind] = [0, 1, 2, 3, 4].map((i) => address(codePages + i)) as [
    number,
    number,
    number,
    number,
    number,
  ]; // a section of a page each
  const imports = [...new Set(calls.flatMap(([, to]) => (typeof to === "string" ? [to] : [])))];
  const code = Buffer.alloc(codePages * page, 0x90);
  const used = new Map<number, number>();
  const place = (from: number): number => {
    const count = used.get(from) ?? 0;
    used.set(from, count + 1);
    return from * page + count * 16;
  };
  for (const [from, to] of calls) {
    const at = place(from);
    const target = typeof to === "number" ? address(to) : plt + imports.indexOf(to) * 16;
    code[at] = 0xe8;
    code.writeInt32LE(target - (page + at + 5), at + 1);
  }
  const [first] = Object.values(exports);
  if (slot !== undefined && first !== undefined) {
    const at = place(first);
    code.set([0x48, 0x8d, 0x3d], at);
    code.writeInt32LE(data - (page + at + 7), at + 3);
  }
  const stubs = Buffer.alloc(page);
  imports.forEach((_, i) => {
    stubs.set([0xff, 0x25], i * 16);
    stubs.writeInt32LE(got + i * 8 - (plt + i * 16 + 6), i * 16 + 2);
  });
  const relatives: (readonly [number, number])[] = constructors.map((to, i) => [initArray + i * 8, address(to)]);
  if (slot !== undefined) relatives.push([data + 72, data + 256], [data + 256 + 8, address(slot)]);
  const names = [...imports, ...Object.keys(exports)];
  const strings = Buffer.from(`\0${names.map((name) => `${name}\0`).join("")}`);
  const symbols = Buffer.alloc(24 * (1 + names.length));
  names.forEach((name, i) => {
    symbols.writeUInt32LE(strings.indexOf(`\0${name}\0`) + 1, 24 * (i + 1));
    const codePage = exports[name];
    if (codePage === undefined) return;
    symbols.writeUInt16LE(1, 24 * (i + 1) + 6);
    symbols.writeUInt32LE(address(codePage), 24 * (i + 1) + 8);
  });
  const { allocated, executable, writable } = elfFlag;
  return elfOf({
    needed,
    sections: [
      { name: ".text", bytes: code, flags: allocated | executable },
      { name: ".plt", bytes: stubs, flags: allocated | executable },
      { name: ".got", bytes: page, flags: allocated | writable },
      { name: ".init_array", bytes: page, flags: allocated | writable },
      { name: ".data", bytes: page, flags: allocated | writable },
      { name: ".eh_frame_hdr", bytes: unwindTable(functions, unwind) },
      { name: ".rela.dyn", bytes: relocations(relatives.map(([at, to]) => [at, relative, 0, to])) },
      { name: ".rela.plt", bytes: relocations(imports.map((_, i) => [got + i * 8, jumpSlot, i + 1, 0])) },
      { name: ".dynsym", bytes: symbols },
      { name: ".dynstr", bytes: strings },
      { name: ".gnu.hash", bytes: hashTable(Object.keys(exports), 1 + imports.length) },
    ],
  });
}

function unwindTable(functions: readonly number[], own: number): Buffer {
  const pages = new Set(functions.flatMap((codePage) => [1 + codePage, 2 + codePage]));
  const starts = [...pages].sort((a, b) => a - b).map((at) => at * page);
  const table = Buffer.alloc(12 + 8 * starts.length);
  table.set([1, 0x1b, 0x03, 0x3b]);
  table.writeUInt32LE(starts.length, 8);
  starts.forEach((start, i) => {
    table.writeInt32LE(start - own, 12 + i * 8);
  });
  return table;
}

function relocations(rows: readonly (readonly [at: number, type: number, symbol: number, to: number])[]): Buffer {
  const table = Buffer.alloc(24 * rows.length);
  rows.forEach(([at, type, symbol, to], i) => {
    table.writeUInt32LE(at, i * 24);
    table.writeUInt32LE(type, i * 24 + 8);
    table.writeUInt32LE(symbol, i * 24 + 12);
    table.writeUInt32LE(to, i * 24 + 16);
  });
  return table;
}

/** `.gnu.hash` with one bucket, of the symbols from `first` on. */
function hashTable(names: readonly string[], first: number): Buffer {
  const words = [1, first, 1, 0, 0, 0, names.length > 0 ? first : 0, ...names.map(hashOf)];
  const table = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => {
    const isLast = i === words.length - 1;
    table.writeUInt32LE(i < 7 ? word : isLast ? (word | 1) >>> 0 : (word & ~1) >>> 0, i * 4);
  });
  return table;
}

const hashOf = (name: string): number =>
  [...Buffer.from(name)].reduce((hash, byte) => Number((BigInt(hash) * 33n + BigInt(byte)) & 0xffff_ffffn), 5381);
