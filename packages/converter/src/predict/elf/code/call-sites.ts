/** What instructions refer to; addresses. */
export interface CallSites {
  /** Of `call` and `jmp`. */
  readonly targets: readonly number[];
  /** Words that hold the address of what is called. */
  readonly slots: readonly number[];
  /** What `lea` takes the address of. */
  readonly taken: readonly number[];
}

const call = 0xe8;
const jump = 0xe9;
const group5 = 0xff;
const callSlot = 0x15;
const jumpSlot = 0x25;
const lea = 0x8d;

/**
 * What the x86-64 code at `address` may refer to: every byte is taken for the beginning of an instruction, so that most of what is found is none. Whoever asks keeps
 * what is the beginning of something. Intel SDM vol. 2, CALL, JMP, LEA
 */
export function callSites(code: Buffer, address: number): CallSites {
  const targets: number[] = [];
  const slots: number[] = [];
  const taken: number[] = [];
  for (let at = 0; at + 6 <= code.length; at++) {
    const opcode = code[at];
    if (opcode === call || opcode === jump) targets.push(address + at + 5 + code.readInt32LE(at + 1));
    else if (opcode === group5 && isThroughSlot(code[at + 1])) slots.push(address + at + 6 + code.readInt32LE(at + 2));
    else if (opcode === lea && takesAddress(code, at)) taken.push(address + at + 6 + code.readInt32LE(at + 2));
  }
  // a jump that ends the code, behind which no other instruction has room
  const last = code.length - 5;
  if (last >= 0 && (code[last] === call || code[last] === jump))
    targets.push(address + code.length + code.readInt32LE(last + 1));
  return { targets, slots, taken };
}

const isThroughSlot = (mode: number | undefined): boolean => mode === callSlot || mode === jumpSlot;

/** Into a register of 64 bits, and so far from the next instruction. */
const takesAddress = (code: Buffer, at: number): boolean =>
  ((code[at - 1] ?? 0) & 0xf8) === 0x48 && ((code[at + 1] ?? 0) & 0xc7) === 0x05;
