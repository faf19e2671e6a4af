export const blockBytes: number;
export function fillBlock(words: Uint32Array, file: number, block: number): void;
export function contentOf(file: number, sizeBytes: number): Buffer;
