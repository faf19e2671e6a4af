import { encodeHead, headMemory } from "./encode-instruction.js";
import type { SpooledInstruction } from "./instruction.js";

/** Literals are joined up to this length, however they arrive, so that the recipe depends on the tar alone. Bytes. */
const maxLiteralBytes = 64 * 1024;
/** Takes the spool, in order: a temporary file, which lives for seconds and is not worth compressing. The bytes are valid during the call. */
export type SpoolSink = (piece: Uint8Array) => void;

type Run =
  | { readonly kind: "numberedFile"; readonly file: number; readonly offset: number; sizeBytes: number }
  | { readonly kind: "zeros"; sizeBytes: number };

/**
 * First pass of writing a recipe: follows the tar from front to back and names files by number, because where they lie in the data
 * space is known only when all have been seen. {@link encodeRecipe} is the second pass.
 *
 * Adjoining literals, zeros and parts of a file are joined: how the caller splits them does not matter. Memory: 64 KiB.
 */
export class RecipeSpool {
  readonly #sink: SpoolSink;
  readonly #literal = new Uint8Array(maxLiteralBytes);
  readonly #head = headMemory();
  #literalBytes = 0;
  #run: Run | undefined;
  #tarBytes = 0;

  constructor(sink: SpoolSink) {
    this.#sink = sink;
  }

  /** Bytes of the tar that are described so far. */
  get tarBytes(): number {
    return this.#tarBytes;
  }

  /** Bytes that are in the tar and in no file: headers, padding. */
  literal(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#endRun();
    this.#tarBytes += bytes.length;
    if (bytes.length < maxLiteralBytes - this.#literalBytes) {
      this.#literal.set(bytes, this.#literalBytes);
      this.#literalBytes += bytes.length;
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + maxLiteralBytes - this.#literalBytes);
      this.#literal.set(part, this.#literalBytes);
      this.#literalBytes += part.length;
      at += part.length;
      if (this.#literalBytes === maxLiteralBytes) this.#endLiteral();
    }
  }

  /** `sizeBytes` of the content of file number `file` from byte `offset` of it. */
  file(file: number, offset: number, sizeBytes: number): void {
    if (sizeBytes === 0) return;
    this.#tarBytes += sizeBytes;
    const run = this.#run;
    if (run?.kind === "numberedFile" && run.file === file && run.offset + run.sizeBytes === offset) {
      run.sizeBytes += sizeBytes;
      return;
    }
    this.#endRun();
    this.#endLiteral();
    this.#run = { kind: "numberedFile", file, offset, sizeBytes };
  }

  zeros(sizeBytes: number): void {
    if (sizeBytes === 0) return;
    this.#tarBytes += sizeBytes;
    if (this.#run?.kind === "zeros") {
      this.#run.sizeBytes += sizeBytes;
      return;
    }
    this.#endRun();
    this.#endLiteral();
    this.#run = { kind: "zeros", sizeBytes };
  }

  /** @param sha256 of the whole tar (the DiffID). The spool is complete then. */
  finish(sha256: Uint8Array): void {
    this.#endRun();
    this.#endLiteral();
    this.#write({ kind: "end", tarBytes: this.#tarBytes, sha256 });
  }

  #endRun(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run !== undefined) this.#write(run);
  }

  #endLiteral(): void {
    if (this.#literalBytes === 0) return;
    const bytes = this.#literal.subarray(0, this.#literalBytes);
    this.#literalBytes = 0;
    this.#write({ kind: "literal", bytes });
    this.#sink(bytes);
  }

  #write(instruction: SpooledInstruction): void {
    this.#sink(encodeHead(instruction, this.#head));
  }
}
