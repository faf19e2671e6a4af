import { sha256Of } from "@sluice/oci/content";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidFormatError } from "../invalid-format-error.js";
import { sampleRecording } from "../testing/samples.js";
import {
  decodeRecording,
  encodeRecording,
  maxRecordedBlocks,
  maxRecordedRuns,
  maxRecordingBytes,
} from "./recording.js";

const recording = sampleRecording();
const { disk } = recording;
const document = (change: Record<string, unknown> = {}): Uint8Array =>
  Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(encodeRecording(recording)).toString()), ...change }));

describe("a recording", () => {
  it("is read as it was written, and equal ones are equal bytes", () => {
    const digest = fc.string().map((text) => sha256Of(text));
    const run = fc.record({
      startBlock: fc.nat(2 ** 31),
      blocks: fc.integer({ min: 1, max: 1000 }),
      milliseconds: fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0),
    });
    const recordings = fc.record({
      disk: fc.record({ metadata: digest, layers: fc.array(digest) }),
      seconds: fc.nat(1000),
      runs: fc.array(run),
    });
    fc.assert(
      fc.property(recordings, (value) => {
        const bytes = encodeRecording(value);
        expect(decodeRecording(bytes)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(encodeRecording(decodeRecording(bytes))).toEqual(bytes);
      }),
    );
  });

  it("is this document", () => {
    expect(JSON.parse(Buffer.from(encodeRecording(recording)).toString())).toEqual({
      version: 1,
      disk,
      seconds: 2.5,
      runs: [
        [262_144, 3, 0],
        [0, 1, 12.5],
      ],
    });
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["that is no JSON", Buffer.from("<html>"), /recording, document: expected JSON, found "<html>"/],
    ["that is not UTF-8", Uint8Array.of(0x22, 0xff, 0x22), /expected JSON/],
    ["that is a list", Buffer.from("[]"), /document: expected an object/],
    ["of another version", document({ version: 2 }), /version: expected 1, found 2/],
    ["without a disk", document({ disk: undefined }), /disk: expected an object/],
    ["of a disk without digest", document({ disk: { metadata: "sha256:00", layers: [] } }), /disk\.metadata/],
    ["of layers without digest", document({ disk: { ...disk, layers: [disk.metadata, 3] } }), /disk\.layers\.1/],
    ["of too many layers", document({ disk: { ...disk, layers: Array(1025).fill(disk.metadata) } }), /at most 1024/],
    ["of negative length", document({ seconds: -1 }), /seconds: expected 0 to 604800, found -1/],
    ["of no length", document({ seconds: null }), /seconds: expected a number/],
    ["without runs", document({ runs: {} }), /runs: expected a list/],
    ["with a run of two values", document({ runs: [[1, 1]] }), /runs\.0: expected start block, blocks, milliseconds/],
    ["with a run of four values", document({ runs: [[1, 1, 1, 1]] }), /runs\.0: expected at most 3/],
    ["with a run of texts", document({ runs: [["1", 1, 1]] }), /runs\.0: expected a number/],
    ["with a run of no blocks", document({ runs: [[1, 0, 1]] }), /runs\.0: expected blocks of a disk/],
    [
      "with half a block",
      document({
        runs: [
          [1, 1, 1],
          [1.5, 1, 1],
        ],
      }),
      /runs\.1: expected blocks of a disk/,
    ],
    ["with a run before the disk", document({ runs: [[-1, 1, 1]] }), /runs\.0/],
    [
      "with a run behind the disk",
      document({ runs: [[2 ** 32, 1, 1]] }),
      /at most 4294967296, found 1 from 4294967296/,
    ],
    ["with a run before its start", document({ runs: [[1, 1, -1]] }), /runs\.0: expected 0 to 604800000 milliseconds/],
    ["with too many blocks", document({ runs: [[0, maxRecordedBlocks + 1, 0]] }), /at most 4194304 blocks/],
    ["with too many runs", document({ runs: Array(maxRecordedRuns + 1).fill(0) }), /runs: expected at most 200000/],
    ["that is too long", Buffer.alloc(maxRecordingBytes + 1, " "), /size: expected at most 8388608 bytes/],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => decodeRecording(bytes)).toThrow(InvalidFormatError);
    expect(() => decodeRecording(bytes)).toThrow(message);
  });

  it("that breaks a rule is not written either", () => {
    const bad = { ...recording, runs: [{ startBlock: 0, blocks: 0, milliseconds: 0 }] };
    expect(() => encodeRecording(bad)).toThrow(/runs\.0/);
    expect(() => encodeRecording({ ...recording, seconds: Number.NaN })).toThrow(/seconds/);
  });
});
