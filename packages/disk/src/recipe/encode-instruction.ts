import { viewOf, writeInt64 } from "../binary/integers.js";
import { opcode, type SpooledInstruction } from "./instruction.js";

/** The bytes of an instruction, for a literal those in front of its bytes. */
export function encodeHead(instruction: SpooledInstruction): Uint8Array {
  switch (instruction.kind) {
    case "literal":
      return head(opcode.literal, 4, (view) => view.setUint32(1, instruction.bytes.length, true));
    case "file":
      return head(opcode.file, 16, (view) => {
        writeInt64(view, 1, instruction.offset);
        writeInt64(view, 9, instruction.sizeBytes);
      });
    case "zeros":
      return head(opcode.zeros, 8, (view) => writeInt64(view, 1, instruction.sizeBytes));
    case "numberedFile":
      return head(opcode.numberedFile, 20, (view) => {
        view.setUint32(1, instruction.file, true);
        writeInt64(view, 5, instruction.offset);
        writeInt64(view, 13, instruction.sizeBytes);
      });
    case "end": {
      const bytes = head(opcode.end, 40, (view) => writeInt64(view, 1, instruction.tarBytes));
      bytes.set(instruction.sha256, 9);
      return bytes;
    }
  }
}

function head(code: number, operandBytes: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(1 + operandBytes);
  bytes[0] = code;
  fill(viewOf(bytes));
  return bytes;
}
