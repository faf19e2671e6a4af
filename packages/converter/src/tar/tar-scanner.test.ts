import { entryType } from "@sluice/disk";
import { describe, expect, it } from "vitest";
import { endOfTar, padded, rawFile, rawHeader, rawPax } from "../testing/raw-tar.js";
import { entryAt, scanned } from "../testing/scanned-tar.js";
import { TarInvalidError } from "./errors.js";

const tarOf = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, endOfTar]);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describe("TarScanner, names", () => {
  it("joins the prefix of a ustar header with its name", () => {
    const { entries } = scanned(tarOf(rawHeader({ name: "c", prefix: "a/b" })));
    expect(entries.map((entry) => text(entry.path))).toEqual(["a/b/c"]);
  });

  it("takes no prefix from GNU and v7 headers, which keep other things there", () => {
    const gnu = rawHeader({ name: "g", magic: "ustar  \0", prefix: "00000000000\0" });
    const old = rawHeader({ name: "v", magic: "", prefix: "x" });
    expect(scanned(tarOf(gnu, old)).entries.map((entry) => text(entry.path))).toEqual(["g", "v"]);
  });

  it("takes GNU long names and link names", () => {
    const name = `d/${"n".repeat(250)}`;
    const tar = tarOf(
      rawFile({ name: "././@LongLink", typeflag: "K", magic: "ustar  \0" }, `${"t".repeat(300)}\0`),
      rawFile({ name: "././@LongLink", typeflag: "L", magic: "ustar  \0" }, `${name}\0`),
      rawHeader({ name: "short", typeflag: "2", linkname: "t", magic: "ustar  \0" }),
    );
    const entry = entryAt(scanned(tar), name);
    expect(text(entry.target)).toBe("t".repeat(300));
  });

  it("keeps the bytes of names that are not UTF-8", () => {
    const name = Buffer.concat([Buffer.from("d/"), Buffer.alloc(255, 0xff)]);
    const { entries } = scanned(tarOf(rawPax([["path", name]]), rawHeader({})));
    expect(Buffer.from(entries[0]?.path ?? [])).toEqual(name);
  });

  it("strips ./ and leading slashes, and takes ./ for the root", () => {
    const tar = tarOf(
      rawHeader({ name: "./", typeflag: "5" }),
      rawHeader({ name: "./a//b/" }),
      rawHeader({ name: "/c" }),
    );
    expect(scanned(tar).entries.map((entry) => text(entry.path))).toEqual(["", "a/b", "c"]);
  });

  it.each([
    ["a .. component", rawHeader({ name: "../escape" }), /entry "\.\.\/escape" .*"\.\." component/],
    ["a .. inside", rawHeader({ name: "a/../../b" }), /"\.\." component/],
    ["a hard link outside", rawHeader({ name: "l", typeflag: "1", linkname: "../../etc/shadow" }), /entry "l".*"\.\."/],
    ["a NUL in a PAX name", Buffer.concat([rawPax([["path", "a\0b"]]), rawHeader({})]), /NUL/],
    ["a name over 255 bytes", Buffer.concat([rawPax([["path", "n".repeat(256)]]), rawHeader({})]), /256 bytes/],
    ["a file in place of the root", rawHeader({ name: "./" }), /root must be a directory/],
    ["a symlink to nothing", rawHeader({ name: "s", typeflag: "2" }), /symlink to 0 bytes/],
    ["a hard link to nothing", rawHeader({ name: "s", typeflag: "1" }), /hard link to nothing/],
    ["a whiteout of nothing", rawHeader({ name: "d/.wh." }), /whiteout of no file/],
    ["a whiteout of ..", rawHeader({ name: ".wh..." }), /whiteout of no file/],
  ])("refuses %s and names the entry", (_, tar, message) => {
    expect(() => scanned(tarOf(tar))).toThrow(TarInvalidError);
    expect(() => scanned(tarOf(tar))).toThrow(message);
  });
});

describe("TarScanner, whiteouts", () => {
  it("tells whiteouts, opaque directories and ignored AUFS files apart", () => {
    const tar = tarOf(
      rawHeader({ name: "d/.wh.gone" }),
      rawHeader({ name: "d/.wh..wh..opq" }),
      rawFile({ name: "d/.wh..wh.plnk" }, "content that nobody unpacks"),
      rawHeader({ name: ".wh..wh..opq" }),
      rawHeader({ name: ".whatever" }),
    );
    expect(scanned(tar).entries.map((entry) => [entry.type, text(entry.path)])).toEqual([
      [entryType.whiteout, "d/gone"],
      [entryType.opaque, "d"],
      ["ignored", "d/.wh..wh.plnk"],
      [entryType.opaque, ""],
      [entryType.file, ".whatever"],
    ]);
  });
});

describe("TarScanner, numbers and times", () => {
  it.each([
    ["1.5", 1, 500_000_000],
    ["-1.5", -2, 500_000_000],
    ["-0.000000001", -1, 999_999_999],
    ["-7", -7, 0],
    ["4294967296.123456789123", 4294967296, 123_456_789],
    ["0", 0, 0],
  ])("reads a PAX mtime of %s to the nanosecond", (mtime, seconds, nanoseconds) => {
    const entry = entryAt(scanned(tarOf(rawPax([["mtime", mtime]]), rawHeader({ name: "f" }))), "f");
    expect([entry.mtimeSeconds, entry.mtimeNanoseconds]).toEqual([seconds, nanoseconds]);
  });

  it("reads base-256 numbers, negative ones too", () => {
    const minusOne = Buffer.alloc(12, 0xff);
    const large = Buffer.from("800000000000000100000000", "hex");
    const tar = tarOf(
      rawHeader({ name: "old", mtime: minusOne }),
      rawHeader({ name: "new", mtime: large, uid: Buffer.from("80000000ffffffff", "hex") }),
    );
    const all = scanned(tar);
    expect(entryAt(all, "old").mtimeSeconds).toBe(-1);
    expect(entryAt(all, "new").mtimeSeconds).toBe(2 ** 32);
    expect(entryAt(all, "new").uid).toBe(0xffff_ffff);
  });

  it("lets PAX overrule the header, and an empty PAX value leave it", () => {
    const records: [string, string][] = [
      ["uid", "4000000000"],
      ["gid", ""],
      ["size", "3"],
      ["linkpath", ""],
    ];
    const tar = tarOf(rawPax(records), rawHeader({ name: "f", gid: "0000017\0", size: 0 }), padded("abc"));
    const all = scanned(tar);
    expect(entryAt(all, "f")).toMatchObject({ uid: 4_000_000_000, gid: 0o17, sizeBytes: 3, storedBytes: 3 });
    expect(all.contents.get("f")?.toString()).toBe("abc");
  });

  it("keeps setuid, setgid and sticky bits and nothing above them", () => {
    expect(entryAt(scanned(tarOf(rawHeader({ name: "f", mode: "0107755\0" }))), "f").mode).toBe(0o7755);
  });

  it.each([
    ["an octal field with other digits", rawHeader({ mode: "00009x4\0" }), /mode is not an octal number/],
    ["a negative size", rawHeader({ size: Buffer.alloc(12, 0xff) }), /below zero/],
    ["a size no disk holds", rawHeader({ size: Buffer.from("800000000000100000000000", "hex") }), /is not between/],
    ["a negative uid", rawHeader({ uid: Buffer.alloc(8, 0xff) }), /uid -1/],
    ["a device number over 12 bits", rawHeader({ typeflag: "3", devmajor: "0010000\0" }), /device major/],
    ["an unknown type", rawHeader({ typeflag: "V" }), /type "V"/],
    ["a PAX record with a wrong length", rawFile({ typeflag: "x" }, "99 path=a\n"), /wrong length/],
    ["a PAX record without a key", rawFile({ typeflag: "x" }, "9 abcdef\n"), /without a key/],
    [
      "a PAX header of over 1 MiB",
      rawHeader({ typeflag: "x", size: 2 ** 20 + 1 }),
      /at most 1048576 .*fewer or shorter/,
    ],
    ["a PAX header of very many records", rawFile({ typeflag: "x" }, "6 a=b\n".repeat(16_385)), /over 16384 records/],
  ])("refuses %s", (_, tar, message) => {
    expect(() => scanned(tarOf(tar))).toThrow(TarInvalidError);
    expect(() => scanned(tarOf(tar))).toThrow(message);
  });

  it("takes checksums of old programs that summed signed bytes", () => {
    const block = rawHeader({ name: Buffer.from("f\xff", "latin1") });
    const unsigned = Number.parseInt(block.toString("latin1", 148, 154), 8);
    block.write((unsigned - 256).toString(8).padStart(6, "0"), 148, "latin1");
    expect(scanned(tarOf(block)).entries).toHaveLength(1);
  });
});

describe("TarScanner, types", () => {
  it("reads every type that unpackers know", () => {
    const tar = tarOf(
      rawFile({ name: "old", typeflag: "\0" }, "x"),
      rawHeader({ name: "olddir/", typeflag: "\0" }),
      rawHeader({ name: "hard", typeflag: "1", linkname: "./old", size: 1 }),
      rawHeader({ name: "soft", typeflag: "2", linkname: "../../any where" }),
      rawHeader({ name: "char", typeflag: "3", devmajor: "0000005\0", devminor: "0000001\0" }),
      rawHeader({ name: "block", typeflag: "4", devmajor: "0007777\0", devminor: "3777777\0" }),
      rawHeader({ name: "dir", typeflag: "5", size: 1024 }),
      rawHeader({ name: "fifo", typeflag: "6" }),
      rawFile({ name: "contiguous", typeflag: "7" }, "y"),
    );
    const all = scanned(tar);
    expect(all.entries.map((entry) => entry.type)).toEqual([1, 2, 4, 3, 5, 6, 2, 7, 1]);
    expect(text(entryAt(all, "hard").target)).toBe("old");
    expect(text(entryAt(all, "soft").target)).toBe("../../any where");
    expect(entryAt(all, "block")).toMatchObject({ deviceMajor: 0xfff, deviceMinor: 0xf_ffff });
    expect(all.rebuilt).toEqual(tar);
  });

  it("ignores global PAX headers, as unpackers of images do", () => {
    const all = scanned(tarOf(rawPax([["mtime", "5"]], "g"), rawHeader({ name: "f" })));
    expect(entryAt(all, "f").mtimeSeconds).toBe(0);
  });
});

describe("TarScanner, extended attributes", () => {
  const decode = (bytes: Uint8Array): [string, string][] => {
    const view = Buffer.from(bytes);
    const found: [string, string][] = [];
    for (let at = 0; at < view.length; ) {
      const valueAt = at + 6 + view.readUInt16LE(at);
      const end = valueAt + view.readUInt32LE(at + 2);
      found.push([view.toString("latin1", at + 6, valueAt), view.toString("latin1", valueAt, end)]);
      at = end;
    }
    return found;
  };

  it("keeps binary and empty values and sorts the names", () => {
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const tar = tarOf(
      rawPax([
        ["SCHILY.xattr.user.z", ""],
        ["SCHILY.xattr.security.capability", capability],
        ["SCHILY.xattr.user.a", "line\n=end"],
      ]),
      rawHeader({ name: "f" }),
    );
    expect(decode(entryAt(scanned(tar), "f").xattrs)).toEqual([
      ["security.capability", capability.toString("latin1")],
      ["user.a", "line\n=end"],
      ["user.z", ""],
    ]);
  });

  it("decodes LIBARCHIVE.xattr, and prefers SCHILY.xattr where both speak", () => {
    const tar = tarOf(
      rawPax([
        ["LIBARCHIVE.xattr.user.b%3d", "AQL/"],
        ["SCHILY.xattr.user.c", "schily"],
        ["LIBARCHIVE.xattr.user.c", "bm8="],
      ]),
      rawHeader({ name: "f" }),
    );
    expect(decode(entryAt(scanned(tar), "f").xattrs)).toEqual([
      ["user.b=", "\x01\x02\xff"],
      ["user.c", "schily"],
    ]);
  });

  it("takes as many as an entry can hold, each written both ways", () => {
    const values = ["a", "b"].map((name): [string, Buffer] => [`user.${name}`, Buffer.alloc(65_535, name)]);
    const small = Array.from({ length: 2000 }, (_, i): [string, Buffer] => [`user.${i}`, Buffer.alloc(1)]);
    const records = [...values, ...small].flatMap(([name, value]): [string, Buffer | string][] => [
      [`SCHILY.xattr.${name}`, value],
      [`LIBARCHIVE.xattr.${name}`, value.toString("base64")],
    ]);
    expect(decode(entryAt(scanned(tarOf(rawPax(records), rawHeader({ name: "f" }))), "f").xattrs)).toHaveLength(2002);
  });

  it("refuses attributes that cannot be held", () => {
    const tar = tarOf(rawPax([["SCHILY.xattr.user.big", "v".repeat(65_537)]]), rawHeader({ name: "f" }));
    expect(() => scanned(tar)).toThrow(/entry "f".*xattr/);
  });
});

describe("TarScanner, ends", () => {
  const whole = tarOf(rawFile({ name: "a" }, "a".repeat(700)), rawFile({ name: "b" }, "b".repeat(512)));

  it("hands on every byte, what follows the end included, for any size of buffers", () => {
    const odd = Buffer.concat([whole, Buffer.from("garbage behind the end"), Buffer.alloc(9000)]);
    for (const pieceBytes of [1, 7, 511, 512, 513, 4096]) expect(scanned(odd, pieceBytes).rebuilt).toEqual(odd);
  });

  it("takes a tar without its end mark, or without the padding of its last file", () => {
    expect(scanned(whole.subarray(0, -1024)).entries).toHaveLength(2);
    expect(scanned(whole.subarray(0, 512 + 700 + 5)).entries).toHaveLength(1);
    expect(scanned(Buffer.alloc(0)).entries).toHaveLength(0);
  });

  it("refuses a tar that ends in a header or in a file, and names the file", () => {
    expect(() => scanned(whole.subarray(0, 100))).toThrow(/ends early: a header is cut off/);
    expect(() => scanned(whole.subarray(0, 512 + 699))).toThrow(/entry "a" .*1 bytes of its content are missing/);
  });

  it("refuses 10 GiB claimed in a small tar", () => {
    const tar = Buffer.concat([rawHeader({ name: "liar", size: 10 * 2 ** 30 - 1 }), Buffer.alloc(1024)]);
    expect(() => scanned(tar)).toThrow(/entry "liar" at byte 0: the tar ends early/);
  });

  it("refuses a lone block of zeros in the middle, and bytes that are no header", () => {
    expect(() => scanned(Buffer.concat([Buffer.alloc(512), whole]))).toThrow(/one block of zeros/);
    expect(() => scanned(Buffer.alloc(1024, 0x41))).toThrow(/no tar header/);
  });

  it("refuses extended headers that nothing follows", () => {
    expect(() => scanned(tarOf(rawPax([["path", "x"]])))).toThrow(/ends behind an extended header/);
    expect(() => scanned(rawPax([["path", "x"]]))).toThrow(/ends early/);
  });
});
