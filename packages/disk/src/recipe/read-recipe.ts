import { readU64, viewOf } from "../binary/integers.js";
import { blockSizeBytes } from "../blocks.js";
import { decompressStream } from "../frames/zstd-stream.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { opcode, type RecipeInstruction } from "./instruction.js";
import { PieceCursor } from "./piece-cursor.js";

const part = "recipe";

/**
 * The instructions of a recipe, in order; the last is `end`, and its length is the sum of the others. A long literal comes in several.
 * Bounded memory: a piece of the stream and zstd's window.
 *
 * @param payload of the recipe section, compressed
 * @param dataBlocks of the layer's data space: no file reaches over its end
 * @throws {InvalidFormatError} naming the byte of the decompressed recipe
 */
export async function* readRecipe(
  payload: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  dataBlocks: number,
): AsyncGenerator<RecipeInstruction> {
  const dataBytes = dataBlocks * blockSizeBytes;
  for await (const instruction of decodeInstructions(payload)) {
    if (instruction.kind === "file" && instruction.offset + instruction.sizeBytes > dataBytes) {
      const end = instruction.offset + instruction.sizeBytes;
      throw new InvalidFormatError(part, "file", `content that ends by byte ${dataBytes}`, end);
    }
    yield instruction;
  }
}

async function* decodeInstructions(
  compressed: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<RecipeInstruction> {
  const cursor = new PieceCursor(decompressStream(compressed, part), part);
  try {
    let tarBytes = 0;
    for (;;) {
      const at = cursor.position;
      const code = (await cursor.take(1))[0];
      if (code === opcode.literal) {
        const length = viewOf(await cursor.take(4)).getUint32(0, true);
        requireSome(length, at);
        tarBytes = sum(tarBytes, length, at);
        for (let left = length; left > 0; ) {
          const bytes = await cursor.takeUpTo(left);
          left -= bytes.length;
          yield { kind: "literal", bytes };
        }
        continue;
      }
      const instruction = await readFixed(cursor, code, at);
      if (instruction.kind === "end") {
        await requireEnd(cursor, instruction.tarBytes, tarBytes);
        yield instruction;
        return;
      }
      tarBytes = sum(tarBytes, instruction.sizeBytes, at);
      yield instruction;
    }
  } finally {
    await cursor.close();
  }
}

type FixedInstruction = Exclude<RecipeInstruction, { kind: "literal" }>;

async function readFixed(cursor: PieceCursor, code: number | undefined, at: number): Promise<FixedInstruction> {
  const place = `byte ${at}`;
  switch (code) {
    case opcode.file: {
      const view = viewOf(await cursor.take(16));
      const offset = readU64(view, 0, part, place);
      return { kind: "file", offset, sizeBytes: requireSome(readU64(view, 8, part, place), at) };
    }
    case opcode.zeros: {
      const view = viewOf(await cursor.take(8));
      return { kind: "zeros", sizeBytes: requireSome(readU64(view, 0, part, place), at) };
    }
    case opcode.end: {
      const bytes = await cursor.take(40);
      return { kind: "end", tarBytes: readU64(viewOf(bytes), 0, part, place), sha256: bytes.slice(8) };
    }
    default:
      throw new InvalidFormatError(part, place, "an opcode from 0 to 3", code);
  }
}

function requireSome(length: number, at: number): number {
  if (length === 0) throw new InvalidFormatError(part, `byte ${at}`, "a length of at least 1", 0);
  return length;
}

function sum(total: number, length: number, at: number): number {
  const result = total + length;
  if (!Number.isSafeInteger(result)) throw new InvalidFormatError(part, `byte ${at}`, "a tar under 2^53 bytes", result);
  return result;
}

async function requireEnd(cursor: PieceCursor, declared: number, tarBytes: number): Promise<void> {
  if (declared !== tarBytes) throw new InvalidFormatError(part, "end", `a tar of ${tarBytes} bytes`, declared);
  if (!(await cursor.atEnd()))
    throw new InvalidFormatError(part, `byte ${cursor.position}`, "nothing after the end", "more");
}
