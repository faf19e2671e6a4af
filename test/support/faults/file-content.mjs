// Content that can be checked at any place without a copy of it: each block of 4 KiB is drawn from its file and its number.
export const blockBytes = 4096;

/** Fills a Uint32Array of one block. @param file number of the file @param block number of the block in it */
export function fillBlock(words, file, block) {
  let state = (Math.imul(file + 1, 0x9e3779b1) ^ Math.imul(block + 1, 0x85ebca6b)) | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // Half of each block compresses, as programs do.
    words[i] = i % 2 === 0 ? state : 0x20202020;
  }
}

/** The whole content of a file. */
export function contentOf(file, sizeBytes) {
  const content = Buffer.alloc(Math.ceil(sizeBytes / blockBytes) * blockBytes);
  for (let at = 0; at < content.length; at += blockBytes) {
    fillBlock(new Uint32Array(content.buffer, content.byteOffset + at, blockBytes / 4), file, at / blockBytes);
  }
  return content.subarray(0, sizeBytes);
}
