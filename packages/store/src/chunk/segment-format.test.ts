import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeRecordHeader,
  encodeRecordHeader,
  encodeSegmentHeader,
  isSegmentHeader,
  recordBytes,
  recordHeaderBytes,
} from "./segment-format.js";

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const length = fc.integer({ min: 1, max: 1024 * 1024 });

describe("the segment format", () => {
  it("gives back the id and the length of a record", () => {
    fc.assert(
      fc.property(id, length, (bytes, lengthBytes) => {
        expect(decodeRecordHeader(encodeRecordHeader(bytes, lengthBytes))).toEqual({ id: bytes, lengthBytes });
      }),
    );
  });

  it("takes no header in which any bit of its content is flipped", () => {
    fc.assert(
      fc.property(id, length, fc.nat(44 * 8 - 1), (bytes, lengthBytes, bit) => {
        const header = encodeRecordHeader(bytes, lengthBytes);
        header[bit >> 3] = (header[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(decodeRecordHeader(header)).toBeUndefined();
      }),
    );
  });

  it("takes no header that is cut short, and none of rubbish", () => {
    expect(decodeRecordHeader(encodeRecordHeader(new Uint8Array(32), 1).subarray(0, 63))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeRecordHeader(bytes) === undefined));
  });

  it("rounds a record up to 64 bytes, header included", () => {
    expect(recordBytes(1)).toBe(128);
    expect(recordBytes(64)).toBe(128);
    expect(recordBytes(65)).toBe(192);
    expect(recordBytes(4096)).toBe(4096 + recordHeaderBytes);
  });

  it("knows the header of a segment by its number and version", () => {
    const header = encodeSegmentHeader(7);
    expect(isSegmentHeader(header, 7)).toBe(true);
    expect(isSegmentHeader(header, 8)).toBe(false);
    header[8] = 2;
    expect(isSegmentHeader(header, 7)).toBe(false);
    expect(Buffer.from(encodeSegmentHeader(0x0102).subarray(0, 16)).toString("hex")).toBe(
      "534c554943455347".concat("01000000", "02010000"),
    );
  });
});
