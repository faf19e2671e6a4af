import { describe, expect, it } from "vitest";
import { endOfTar, rawFile, rawHeader, rawPax } from "../testing/raw-tar.js";
import { entryAt, scanned } from "../testing/scanned-tar.js";
import { checkedPieces, paxSparse } from "./sparse.js";

const number = (value: number): string => `${value.toString(8).padStart(11, "0")}\0`;
const tarOf = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, endOfTar]);

describe("sparse files", () => {
  it("reads the map of an old GNU header, with the blocks that continue it", () => {
    const pieces = Array.from({ length: 30 }, (_, i) => ({ offset: i * 10_000, length: 3 }));
    const pair = ({ offset, length }: { offset: number; length: number }): string => number(offset) + number(length);
    const blocks = Buffer.alloc(1024);
    blocks.write(pieces.slice(4, 25).map(pair).join(""), 0, "latin1");
    blocks[504] = 1;
    blocks.write(pieces.slice(25).map(pair).join(""), 512, "latin1");
    const tar = tarOf(
      rawHeader({
        name: "s",
        typeflag: "S",
        magic: "ustar  \0",
        size: 90,
        raw: [
          { at: 386, bytes: pieces.slice(0, 4).map(pair).join("") },
          { at: 482, bytes: "\x01" },
          { at: 483, bytes: number(1_000_000) },
        ],
      }),
      blocks,
      Buffer.concat([Buffer.alloc(90, 0x61), Buffer.alloc(512 - 90)]),
    );
    for (const pieceBytes of [100, 512, tar.length]) {
      const all = scanned(tar, pieceBytes);
      expect(entryAt(all, "s")).toMatchObject({ sizeBytes: 1_000_000, storedBytes: 90, pieces });
      expect(all.rebuilt).toEqual(tar);
    }
  });

  it("reads PAX maps of versions 0.0 and 0.1, with or without a version", () => {
    const zero = rawPax([
      ["GNU.sparse.size", "5000"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.offset", "0"],
      ["GNU.sparse.numbytes", "2"],
      ["GNU.sparse.offset", "4998"],
      ["GNU.sparse.numbytes", "2"],
    ]);
    const one = rawPax([
      ["GNU.sparse.major", "0"],
      ["GNU.sparse.minor", "1"],
      ["GNU.sparse.name", "real"],
      ["GNU.sparse.size", "5000"],
      ["GNU.sparse.map", "0,2,4998,2,5000,0"],
    ]);
    const all = scanned(tarOf(zero, rawFile({ name: "zero" }, "abcd"), one, rawFile({ name: "one" }, "abcd")));
    const pieces = [
      { offset: 0, length: 2 },
      { offset: 4998, length: 2 },
    ];
    expect(entryAt(all, "zero")).toMatchObject({ sizeBytes: 5000, pieces });
    expect(entryAt(all, "real")).toMatchObject({ sizeBytes: 5000, pieces });
  });

  it("reads the map of version 1.0 in front of the data, over many blocks", () => {
    const pieces = Array.from({ length: 200 }, (_, i) => ({ offset: i * 10_000, length: 1 }));
    const map = Buffer.from(`200\n${pieces.map(({ offset, length }) => `${offset}\n${length}\n`).join("")}`);
    const content = Buffer.concat([map, Buffer.alloc((512 - (map.length % 512)) % 512), Buffer.alloc(200, 0x62)]);
    const head = rawPax([
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "real"],
      ["GNU.sparse.realsize", "2000000"],
    ]);
    const tar = tarOf(head, rawFile({ name: "GNUSparseFile.1/real" }, content));
    const all = scanned(tar, 777);
    expect(entryAt(all, "real")).toMatchObject({ sizeBytes: 2_000_000, storedBytes: 200, pieces });
    expect(all.contents.get("real")).toEqual(Buffer.alloc(200, 0x62));
    expect(all.rebuilt).toEqual(tar);
  });

  it.each([
    ["overlap", "0,2,1,2"],
    ["leave the file", "0,2,4999,2"],
    ["do not add up to what is stored", "0,3"],
    ["do not come in pairs", "0,2,3"],
    ["are no numbers", "0,2,x,2"],
  ])("refuses maps whose numbers %s", (_, map) => {
    const head = rawPax([
      ["GNU.sparse.size", "5000"],
      ["GNU.sparse.map", map],
    ]);
    expect(() => scanned(tarOf(head, rawFile({ name: "bad" }, "abcd")))).toThrow(/entry "bad".*(sparse|GNU)/);
  });

  it("refuses maps of version 1.0 without end, and versions it does not know", () => {
    const head = (minor: string): Buffer =>
      rawPax([
        ["GNU.sparse.major", "1"],
        ["GNU.sparse.minor", minor],
        ["GNU.sparse.realsize", "5000"],
      ]);
    const endless = "1000001\n1\n".padEnd(512, "0");
    expect(() => scanned(tarOf(head("0"), rawFile({ name: "b" }, endless)))).toThrow(/over 1000000 pieces/);
    expect(() => scanned(tarOf(head("0"), rawFile({ name: "b" }, "3\n0\n1\n")))).toThrow(
      /decimal|longer than its file/,
    );
    expect(() => scanned(tarOf(head("1"), rawFile({ name: "b" }, "x")))).toThrow(/format "1\.1"/);
  });

  it("leaves out empty pieces, such as the one that marks the size", () => {
    const pieces = [
      { offset: 0, length: 4 },
      { offset: 9, length: 0 },
    ];
    expect(checkedPieces(pieces, 9, 4)).toEqual([{ offset: 0, length: 4 }]);
  });

  it("sees no sparse file where no record speaks of one", () => {
    expect(paxSparse([{ key: "path", value: Buffer.from("x") }], 10)).toBeUndefined();
  });
});
