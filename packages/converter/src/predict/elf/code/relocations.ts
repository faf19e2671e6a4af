/** What the loader writes into words of a file. */
export interface Relocations {
  /** By address of the word: the place in `.dynsym` of the symbol whose address it becomes. */
  readonly symbols: Map<number, number>;
  /** By address of the word: the address in the same file that it becomes. */
  readonly relatives: Map<number, number>;
}

const relocationBytes = 24;
/** Of x86-64: R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT; psABI, "Relocation Types". */
const ofSymbol: ReadonlySet<number> = new Set([1, 6, 7]);
/** R_X86_64_RELATIVE */
const relative = 8;

/** Adds the relocations of one table, relative ones as far as `isWanted` says of their words. */
export function addRelocations(table: Buffer, into: Relocations, isWanted: (address: number) => boolean): void {
  for (let at = 0; at + relocationBytes <= table.length; at += relocationBytes) {
    const type = table.readUInt32LE(at + 8);
    const address = table.readUInt32LE(at);
    if (type === relative && isWanted(address)) into.relatives.set(address, table.readUInt32LE(at + 16));
    else if (ofSymbol.has(type)) into.symbols.set(address, table.readUInt32LE(at + 12));
  }
}
