import { viewOf, writeInt64 } from "../binary/integers.js";
import { opcode, type SpooledInstruction } from "./instruction.js";

/** Memory for the bytes of one instruction, to be used again by who writes many. */
export interface HeadMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Room for the longest instruction, which is the end. */
export function headMemory(): HeadMemory {
  const bytes = new Uint8Array(1 + 8 + 32);
  return { bytes, view: viewOf(bytes) };
}

/** The bytes of an instruction, for a literal those in front of its bytes. They lie in `memory`. */
export function encodeHead(instruction: SpooledInstruction, memory: HeadMemory = headMemory()): Uint8Array {
  const { bytes, view } = memory;
  bytes[0] = opcode[instruction.kind];
  return bytes.subarray(0, 1 + writeOperands(instruction, view, bytes));
}

/** @returns how many bytes they take */
function writeOperands(instruction: SpooledInstruction, view: DataView, bytes: Uint8Array): number {
  switch (instruction.kind) {
    case "literal":
      view.setUint32(1, instruction.bytes.length, true);
      return 4;
    case "file":
      writeInt64(view, 1, instruction.offset);
      writeInt64(view, 9, instruction.sizeBytes);
      return 16;
    case "zeros":
      writeInt64(view, 1, instruction.sizeBytes);
      return 8;
    case "numberedFile":
      view.setUint32(1, instruction.file, true);
      writeInt64(view, 5, instruction.offset);
      writeInt64(view, 13, instruction.sizeBytes);
      return 20;
    case "end":
      writeInt64(view, 1, instruction.tarBytes);
      bytes.set(instruction.sha256, 9);
      return 40;
  }
}
