import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Compressor } from "zstd-napi";
import { InvalidFormatError } from "../invalid-format-error.js";
import { sampleBytes } from "../testing/samples.js";
import { compressFrame, declaredContentBytes, decompressFrame, decompressFrameInto } from "./zstd-frame.js";

const content = sampleBytes(10_000, 1);
const frame = compressFrame(content);

describe("a frame", () => {
  it("gives back the bytes it was made from", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), (bytes) => {
        expect(decompressFrame(compressFrame(bytes), bytes.length, "chunk")).toEqual(bytes);
      }),
    );
  });

  it.each([1, 255, 256, 65_791, 65_792, 1_048_576])("declares its content size of %i bytes", (size) => {
    expect(declaredContentBytes(compressFrame(new Uint8Array(size)), "chunk")).toBe(size);
  });

  it("does not depend on what was compressed before it", () => {
    compressFrame(sampleBytes(300_000, 9));
    expect(compressFrame(content)).toEqual(frame);
    compressFrame(new Uint8Array(3_000_000));
    expect(compressFrame(content)).toEqual(frame);
  });

  it("is decompressed into memory of the caller", () => {
    const target = new Uint8Array(content.length + 2);
    decompressFrameInto(frame, target.subarray(1, -1), "chunk");
    expect(target.subarray(1, -1)).toEqual(content);
    expect([target[0], target.at(-1)]).toEqual([0, 0]);
  });
});

describe("a frame is refused", () => {
  const refuse = (bytes: Uint8Array, size = content.length): void => {
    expect(() => decompressFrame(bytes, size, "chunk 7")).toThrow(InvalidFormatError);
  };

  it("when it declares another size, which the error names", () => {
    expect(() => decompressFrame(frame, 9999, "chunk 7")).toThrow(
      "chunk 7, content size of the frame: expected 9999 bytes, found 10000",
    );
  });

  it("when it declares what its length cannot hold, before memory is taken for it", () => {
    const bomb = new Uint8Array(frame.slice(0, 20));
    bomb[4] = 0b1110_0000;
    new DataView(bomb.buffer).setBigUint64(5, 2n ** 40n, true);
    expect(() => decompressFrame(bomb, 2 ** 40, "chunk")).toThrow(/a size that can give/);
  });

  it("when anything follows it, a second frame and a skippable frame too", () => {
    refuse(Buffer.concat([frame, Buffer.of(0)]));
    refuse(Buffer.concat([frame, frame]));
    refuse(Buffer.concat([frame, Buffer.from("502a4d1800000000", "hex")]));
  });

  it("when it is skippable, of another kind, or too short to have a header", () => {
    refuse(Buffer.from("502a4d1800000000", "hex"), 0);
    refuse(Buffer.from("1f8b080000000000", "hex"));
    refuse(new Uint8Array(0));
    refuse(frame.subarray(0, 6));
  });

  it("when it is cut or damaged", () => {
    refuse(frame.subarray(0, -1));
    const damaged = new Uint8Array(frame);
    damaged.fill(0xff, 20, 60);
    refuse(damaged);
  });

  it("when it declares no size", () => {
    const compressor = new Compressor();
    compressor.setParameters({ contentSizeFlag: false });
    expect(() => decompressFrame(compressor.compress(content), content.length, "chunk")).toThrow(/a content size/);
  });

  it("when it needs a dictionary", () => {
    const withDictionary = new Uint8Array(frame);
    withDictionary[4] = (withDictionary[4] ?? 0) | 1;
    expect(() => decompressFrame(withDictionary, content.length, "chunk")).toThrow(/no dictionary/);
  });
});
