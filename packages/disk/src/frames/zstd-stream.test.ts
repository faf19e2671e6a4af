import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compress } from "zstd-napi";
import { collect, sampleBytes } from "../testing/samples.js";
import { decompressStream, ZstdEncoder } from "./zstd-stream.js";

function encoded(bytes: Uint8Array, pieceBytes: number): Uint8Array {
  const encoder = new ZstdEncoder();
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    pieces.push(...encoder.push(bytes.subarray(at, at + pieceBytes)));
  return Buffer.concat([...pieces, ...encoder.end()]);
}

function* split(bytes: Uint8Array, pieceBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

const content = sampleBytes(400_000, 3);
const frame = encoded(content, 1000);

describe("a streamed frame", () => {
  it("gives back its content however it is split on the way", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 100_000 }), async (pieceBytes) => {
        expect(Buffer.compare(await collect(decompressStream(split(frame, pieceBytes), "recipe")), content)).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it("is the same however the content was split", () => {
    for (const pieceBytes of [77, 4096, 131_072, 131_073, 400_000]) {
      expect(Buffer.compare(encoded(content, pieceBytes), frame)).toBe(0);
    }
  });

  it("can be empty", async () => {
    expect(await collect(decompressStream([encoded(new Uint8Array(0), 1)], "recipe"))).toEqual(new Uint8Array(0));
  });

  it("expands a long run piece by piece", async () => {
    let pieces = 0;
    let bytes = 0;
    for await (const piece of decompressStream([encoded(new Uint8Array(5_000_000), 5_000_000)], "recipe")) {
      pieces++;
      bytes += piece.length;
    }
    expect(bytes).toBe(5_000_000);
    expect(pieces).toBeGreaterThan(20);
  });
});

describe("streams one after the other", () => {
  it("do not disturb each other, abandoned and broken ones included", async () => {
    for (let round = 0; round < 6; round++) {
      for await (const piece of decompressStream([frame], "recipe")) if (piece.length > 0) break;
      await expect(collect(decompressStream([frame.subarray(0, 500)], "recipe"))).rejects.toThrow(/an end/);
      new ZstdEncoder().push(content);
      expect(Buffer.compare(encoded(content, 5000), frame)).toBe(0);
      expect(Buffer.compare(await collect(decompressStream([frame], "recipe")), content)).toBe(0);
    }
  });

  it("take no memory each", async () => {
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 500; round++)
      await collect(decompressStream([encoded(content.subarray(0, 999), 999)], "r"));
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
  });

  it("are not written to after their end", () => {
    const encoder = new ZstdEncoder();
    encoder.end();
    expect(() => encoder.end()).toThrow(/has ended/);
  });
});

describe("a stream is refused", () => {
  const read = (...pieces: Uint8Array[]): Promise<Uint8Array> => collect(decompressStream(pieces, "recipe"));

  it("when it is cut", () => expect(read(frame.subarray(0, -3))).rejects.toThrow(/recipe, frame: expected an end/));
  it("when it is empty", () => expect(read()).rejects.toThrow(/expected an end/));
  it("when a second frame follows", () => expect(read(frame, frame)).rejects.toThrow(/nothing after it/));
  it("when a byte follows", () => expect(read(frame, Uint8Array.of(1))).rejects.toThrow(/nothing after it/));
  it("when it starts with a skippable frame", () =>
    expect(read(Buffer.from("502a", "hex"), Buffer.from("4d1800000000", "hex"))).rejects.toThrow(
      /byte 0: expected the zstd magic/,
    ));
  it("when it is damaged", () => {
    const damaged = new Uint8Array(frame);
    damaged.fill(0xff, 30, 90);
    return expect(read(damaged)).rejects.toThrow(/a whole zstd frame/);
  });
  it("when its window would take more than 8 MiB", () => {
    const wide = compress(sampleBytes(1000, 1), { windowLog: 27, contentSizeFlag: false });
    const stretched = new Uint8Array(wide);
    stretched[5] = (27 - 10) << 3;
    stretched[4] = 0;
    return expect(read(stretched)).rejects.toThrow(/InvalidFormat|whole zstd frame/);
  });
});
