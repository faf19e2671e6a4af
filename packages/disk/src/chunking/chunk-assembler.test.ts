import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockSizeBytes } from "../blocks.js";
import { sampleBytes } from "../testing/samples.js";
import { ChunkAssembler, type CutChunk } from "./chunk-assembler.js";

function assembled(files: readonly Uint8Array[], bytesAtOnce: number): CutChunk[] {
  const assembler = new ChunkAssembler();
  const chunks: CutChunk[] = [];
  for (const file of files) {
    assembler.startFile(file.length / blockSizeBytes);
    for (let at = 0; at < file.length; at += bytesAtOnce)
      chunks.push(...assembler.push(file.subarray(at, at + bytesAtOnce)));
  }
  return [...chunks, ...assembler.finish()];
}

const joined = (chunks: readonly CutChunk[]): Uint8Array =>
  Buffer.concat(chunks.map(({ blocks, bytes }) => bytes ?? new Uint8Array(blocks * blockSizeBytes)));

/** A file of `dataBlocks`, then zeros, then data again. */
const fileArbitrary = fc
  .record({ data: fc.integer({ min: 0, max: 60 }), zeros: fc.integer({ min: 0, max: 40 }), seed: fc.nat(1000) })
  .map(({ data, zeros, seed }) =>
    Buffer.concat([
      sampleBytes(data * blockSizeBytes, seed),
      new Uint8Array(zeros * blockSizeBytes),
      sampleBytes((data % 7) * blockSizeBytes, seed + 1),
    ]),
  );

describe("assembled chunks", () => {
  it("give back the data when joined, however it was fed", () => {
    fc.assert(
      fc.property(fc.array(fileArbitrary, { maxLength: 8 }), fc.integer({ min: 1, max: 70 }), (files, blocksAtOnce) => {
        const chunks = assembled(files, blocksAtOnce * blockSizeBytes);
        expect(Buffer.compare(joined(chunks), Buffer.concat(files))).toBe(0);
        for (const { blocks, bytes } of chunks) if (bytes) expect(bytes.length).toBe(blocks * blockSizeBytes);
      }),
      { numRuns: 40 },
    );
  });

  it("own their memory, so that it can be transferred", () => {
    for (const { bytes } of assembled([sampleBytes(500 * blockSizeBytes, 1)], 1e6 * blockSizeBytes)) {
      expect(bytes?.buffer.byteLength).toBe(bytes?.length);
    }
  });

  it("hold no more than a few megabytes while a long zero run goes by", () => {
    const assembler = new ChunkAssembler();
    const piece = new Uint8Array(256 * blockSizeBytes);
    const before = process.memoryUsage().arrayBuffers;
    assembler.startFile(256 * 2000);
    for (let i = 0; i < 2000; i++)
      expect(assembler.push(piece)).toEqual(i < 1999 ? [] : [{ blocks: 512_000, bytes: undefined }]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16e6);
  });
});
