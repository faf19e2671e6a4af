/** The numbers in front of each instruction. docs/format.md §2.5 */
export const opcode = {
  end: 0,
  literal: 1,
  file: 2,
  zeros: 3,
  /** Only in the spool of a recipe that is being written: the file by number, as its place is not known yet. */
  numberedFile: 4,
} as const;

/** One step of rebuilding a tar, in stream order. */
export type RecipeInstruction =
  /** `bytes` is valid until the next instruction is asked for. */
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  /** So many bytes of the data space from byte `offset`. */
  | { readonly kind: "file"; readonly offset: number; readonly sizeBytes: number }
  | { readonly kind: "zeros"; readonly sizeBytes: number }
  | { readonly kind: "end"; readonly tarBytes: number; readonly sha256: Uint8Array };

/** As {@link RecipeInstruction}, with files by number: what a spool holds. */
export type SpooledInstruction =
  | RecipeInstruction
  /** So many bytes of file number `file` from byte `offset` of it. */
  | { readonly kind: "numberedFile"; readonly file: number; readonly offset: number; readonly sizeBytes: number };
