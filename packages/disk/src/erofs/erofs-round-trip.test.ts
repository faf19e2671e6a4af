import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidFormatError } from "../invalid-format-error.js";
import { mergeLayers } from "../merge/merge-layers.js";
import { type DumpedEntry, dumpTree, latin1 } from "../testing/dump-tree.js";
import { layerOf, type TestEntry } from "../testing/layer-of.js";
import type { ErofsInode } from "./erofs-inode.js";
import { ErofsReader } from "./erofs-reader.js";
import { modeType } from "./on-disk.js";
import { planErofs } from "./plan-erofs.js";
import { walkErofs } from "./walk-erofs.js";
import { writeErofs } from "./write-erofs.js";

const layerStart = 262_144;

/** The metadata of one layer's tree, and what the tree says. */
function disk(entries: readonly TestEntry[]): {
  image: Buffer;
  expected: Map<string, DumpedEntry>;
  diskBlocks: number;
} {
  const layer = layerOf(entries);
  const tree = mergeLayers([layer]);
  const diskBlocks = layerStart + layer.dataBlocks;
  const plan = planErofs(tree);
  const pieces = [...writeErofs(plan, { layerStartBlocks: [layerStart], diskBlocks })];
  for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(1 << 20);
  const image = Buffer.concat(pieces);
  expect(image.length).toBe(plan.blocks * 4096);
  return { image, expected: dumpTree(tree), diskBlocks };
}

const open = (image: Uint8Array): Promise<ErofsReader> =>
  ErofsReader.open(async (offset, length) => image.subarray(offset, offset + length));

const typeBits: Readonly<Record<string, number>> = modeType;

type ReadEntry = Omit<DumpedEntry, "sameAs" | "inode">;

async function readBack(reader: ErofsReader): Promise<Map<string, ReadEntry>> {
  const found = new Map<string, ReadEntry>();
  for await (const { path, inode } of walkErofs(reader)) {
    const type = Object.keys(typeBits).find((name) => typeBits[name] === (inode.mode & modeType.mask)) ?? "unknown";
    const xattrs = await reader.xattrs(inode);
    found.set(latin1(path), {
      type,
      mode: inode.mode & 0o7777,
      uid: inode.uid,
      gid: inode.gid,
      mtimeSeconds: inode.mtimeSeconds,
      mtimeNanoseconds: inode.mtimeNanoseconds,
      sizeBytes: type === "directory" ? 0 : inode.sizeBytes,
      target: type === "symlink" ? latin1(await reader.readLink(inode)) : "",
      rdev: `${inode.rdevMajor}:${inode.rdevMinor}`,
      linkCount: inode.linkCount,
      xattrs: Object.fromEntries(xattrs.map(({ name, value }) => [latin1(name), latin1(value)])),
    });
  }
  return found;
}

async function expectSame(entries: readonly TestEntry[]): Promise<void> {
  const { image, expected } = disk(entries);
  const plain = new Map([...expected].map(([path, { sameAs: _, inode: __, ...entry }]) => [path, entry]));
  expect(await readBack(await open(image))).toEqual(plain);
}

const name = fc
  .oneof(
    fc
      .uint8Array({ minLength: 1, maxLength: 255 })
      .map((bytes) => bytes.map((byte) => (byte === 0 || byte === 0x2f ? 1 : byte))),
    fc.constantFrom("a", "b", "-", ".x", "..x", ".-", "d").map((text) => Buffer.from(text)),
  )
  .filter((bytes) => latin1(bytes) !== "." && latin1(bytes) !== "..");
const attributes = {
  mode: fc.nat(0o7777),
  uid: fc.nat(2 ** 32 - 1),
  gid: fc.nat(2 ** 32 - 1),
  mtimeSeconds: fc.maxSafeInteger(),
  mtimeNanoseconds: fc.nat(999_999_999),
  xattrs: fc.dictionary(
    fc.constantFrom("user.a", "user.longer-name", "security.capability", "trusted.t"),
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.nat(65_535).map((length) => new Uint8Array(length).fill(length)),
    ),
    { maxKeys: 3, noNullPrototype: true },
  ),
};
const path = fc
  .array(name, { minLength: 1, maxLength: 3 })
  .map((names) => Buffer.from(names.map(latin1).join("/"), "latin1"));
const entry: fc.Arbitrary<TestEntry> = fc.oneof(
  fc.record({ path, type: fc.constant("file" as const), ...attributes, sizeBytes: fc.nat(1e10) }),
  fc.record({ path, type: fc.constantFrom("directory" as const, "fifo" as const), ...attributes }),
  fc.record({
    path,
    type: fc.constantFrom("characterDevice" as const, "blockDevice" as const),
    ...attributes,
    rdevMajor: fc.nat(0xfff),
    rdevMinor: fc.nat(0xf_ffff),
  }),
  fc.record({
    path,
    type: fc.constant("symlink" as const),
    ...attributes,
    target: fc.integer({ min: 1, max: 4095 }).map((length) => "t".repeat(length)),
  }),
);
/** One entry for a path: whether the last one wins is the merge's affair. */
const entries = fc.uniqueArray(entry, {
  maxLength: 30,
  selector: ({ path: at }) => latin1(Buffer.from(at)).split("/")[0],
});

describe("a written disk, read back", () => {
  it("has every name, attribute, target and extended attribute", async () => {
    await fc.assert(fc.asyncProperty(entries, expectSame), { numRuns: 300, seed: 7 });
  });

  it("has every name of directories around the sizes where a tail ends and blocks begin", async () => {
    for (const count of [1, 2, 100, 101, 102, 103, 104, 105, 205, 206, 207, 208, 209, 1000]) {
      await expectSame(Array.from({ length: count }, (_, i) => ({ path: `d/${"n".repeat(22)}${10_000 + i}` })));
    }
  });

  it("has targets and attributes that fill a block to the byte, and those that do not", async () => {
    for (const length of [1, 3999, 4031, 4032, 4033, 4095]) {
      await expectSame([{ path: "l", type: "symlink", target: "t".repeat(length) }]);
    }
    for (const length of [4000, 4008, 4009, 4012, 4016, 65_535]) {
      const xattrs = { "user.x": new Uint8Array(length).fill(1), "trusted.y": new Uint8Array(length).fill(2) };
      await expectSame([
        { path: "l", type: "symlink", target: "t".repeat(30), xattrs: { "trusted.y": xattrs["trusted.y"] } },
        { path: "d/f", xattrs },
      ]);
    }
  });

  it("has attributes that cross from one piece of output into the next", async () => {
    const value = new Uint8Array(60_000).fill(9);
    const xattrs = { "user.a": value, "user.b": value, "user.c": value };
    await expectSame(Array.from({ length: 20 }, (_, i) => ({ path: `f${i}`, xattrs })));
  });

  it("finds each of 100,000 names by lookup, and no other", async () => {
    const { image } = disk(Array.from({ length: 100_000 }, (_, i) => ({ path: `many/file-${i}`, uid: i })));
    const reader = await open(image);
    const many = await reader.resolve([Buffer.from("many")]);
    if (many === undefined) throw new Error("the directory is not there");
    for (let i = 0; i < 100_000; i += 997) {
      const found = await reader.lookup(many, Buffer.from(`file-${i}`));
      expect((await reader.inode(found?.nid ?? 0)).uid).toBe(i);
      expect(await reader.lookup(many, Buffer.from(`file-${i}x`))).toBeUndefined();
    }
    expect(await reader.lookup(many, Buffer.from("a"))).toBeUndefined();
  });

  it("lists a directory from any place on", async () => {
    const { image } = disk(Array.from({ length: 400 }, (_, i) => ({ path: `file-${1000 + i}` })));
    const reader = await open(image);
    const root = await reader.inode(reader.superblock.rootNid);
    const all: { name: string; next: number }[] = [];
    for await (const { name: bytes, next } of reader.readDirectory(root)) all.push({ name: latin1(bytes), next });
    expect(all.map((each) => each.name)).toEqual([
      ".",
      "..",
      ...Array.from({ length: 400 }, (_, i) => `file-${1000 + i}`),
    ]);
    for (const at of [0, 1, 100, 200, 400]) {
      const rest: string[] = [];
      for await (const each of reader.readDirectory(root, { from: all[at]?.next })) rest.push(latin1(each.name));
      expect(rest).toEqual(all.slice(at + 1).map((each) => each.name));
    }
  });

  it("says where on the disk a file's bytes are", async () => {
    const reader = await open(disk([{ path: "a", sizeBytes: 5000 }, { path: "b", sizeBytes: 1 }, { path: "e" }]).image);
    const extents = async (path: string): Promise<unknown> => {
      const inode = await reader.resolve([Buffer.from(path)]);
      return inode && reader.fileExtents(inode);
    };
    expect(await extents("a")).toEqual([{ fileOffset: 0, diskOffset: layerStart * 4096, lengthBytes: 5000 }]);
    expect(await extents("b")).toEqual([{ fileOffset: 0, diskOffset: (layerStart + 2) * 4096, lengthBytes: 1 }]);
    expect(await extents("e")).toEqual([]);
  });
});

describe("writing", () => {
  const entriesOfOne = [{ path: "a/b", sizeBytes: 1 }, { path: "c" }];

  it("gives equal bytes for equal layers, and another UUID for another tree", () => {
    expect(disk(entriesOfOne).image.equals(disk(entriesOfOne).image)).toBe(true);
    const uuid = (list: TestEntry[]): string => disk(list).image.subarray(1072, 1088).toString("hex");
    expect(uuid([{ path: "c", uid: 1 }])).not.toBe(uuid([{ path: "c" }]));
  });

  const pieces = (entries: TestEntry[]): string[] => {
    const { image } = disk(entries);
    return Array.from({ length: Math.ceil(image.length / 65_536) }, (_, i) =>
      latin1(image.subarray(i * 65_536, (i + 1) * 65_536)),
    );
  };
  const shareKept = (before: ReadonlySet<string>, after: readonly string[]): number =>
    after.filter((piece) => before.has(piece)).length / after.length;

  it("leaves most of a large disk's 64 KiB pieces as they were when fifty files are added somewhere", () => {
    const tree = Array.from({ length: 20_000 }, (_, i) => ({ path: `lib/package-${i % 2000}/${i}.js` }));
    const before = new Set(pieces(tree));
    const kept = [100, 500, 900, 1300, 1700].map((place) => {
      const added = Array.from({ length: 50 }, (_, i) => ({ path: `lib/package-${place}/added-${i}.js` }));
      return shareKept(before, pieces([...tree, ...added]));
    });
    expect(kept.reduce((sum, share) => sum + share, 0) / kept.length).toBeGreaterThan(0.65);
  });

  it("leaves the subdirectories of a large directory as they were when files are added beside it", () => {
    const tree = Array.from({ length: 20_000 }, (_, i) => ({ path: `app/lib/package-${i % 2000}/${i}.js` }));
    const added = Array.from({ length: 20 }, (_, i) => ({ path: `app/assets/added-${i}.js` }));
    expect(shareKept(new Set(pieces(tree)), pieces([...tree, ...added]))).toBeGreaterThan(0.95);
  });

  it("refuses addresses that would put a file over the metadata or behind the disk", () => {
    const plan = planErofs(mergeLayers([layerOf(entriesOfOne)]));
    expect(() => [...writeErofs(plan, { layerStartBlocks: [0], diskBlocks: 10 })]).toThrow(RangeError);
    expect(() => [...writeErofs(plan, { layerStartBlocks: [10], diskBlocks: 10 })]).toThrow(RangeError);
    expect(() => [...writeErofs(plan, { layerStartBlocks: [], diskBlocks: 10 })]).toThrow(RangeError);
    expect(() => [...writeErofs(plan, { layerStartBlocks: [1], diskBlocks: 0 })]).toThrow(RangeError);
  });
});

describe("a hostile disk", () => {
  const { image } = disk([
    { path: "d/e/f", sizeBytes: 9000, xattrs: { "user.a": "1", "trusted.b": new Uint8Array(300) } },
    { path: "l", type: "symlink", target: "d/e" },
    { path: "n", type: "characterDevice", rdevMajor: 1, rdevMinor: 3 },
    ...Array.from({ length: 300 }, (_, i) => ({ path: `d/${i}` })),
  ]);
  const superblockEnd = 1024 + 128;

  async function readOne(reader: ErofsReader, inode: ErofsInode): Promise<void> {
    await reader.xattrs(inode);
    const type = inode.mode & modeType.mask;
    if (type === modeType.file) reader.fileExtents(inode);
    if (type === modeType.symlink) await reader.readLink(inode);
    if (type === modeType.directory) await reader.lookup(inode, Buffer.from("f"));
  }

  /** Reads all there is; resolves with how it ended. */
  async function readAll(bytes: Uint8Array): Promise<"whole" | "refused"> {
    try {
      const reader = await open(bytes);
      for await (const { inode } of walkErofs(reader)) await readOne(reader, inode);
      return "whole";
    } catch (error) {
      if (error instanceof InvalidFormatError) return "refused";
      throw error;
    }
  }

  it("is refused or read, never anything else, whatever bytes are changed", async () => {
    const change = fc.record({ at: fc.integer({ min: 1024, max: image.length - 1 }), value: fc.nat(255) });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const bytes = Buffer.from(image);
        bytes[1032] = 0; // no checksum, so that changes reach what it guards
        for (const { at, value } of changes) bytes[at] = value;
        if ((await readAll(bytes)) === "refused") refused++;
      }),
      { numRuns: 2_000, seed: 11 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it("is refused for every byte of the superblock's block that is not as it was written", async () => {
    for (let at = 1024; at < superblockEnd; at++) {
      const bytes = Buffer.from(image);
      bytes[at] = (bytes[at] ?? 0) ^ 0x40;
      expect([at, await readAll(bytes)]).toEqual([at, "refused"]);
    }
  });

  it("is refused when a directory lies in itself", async () => {
    const bytes = Buffer.from(image);
    bytes[1032] = 0;
    const reader = await open(bytes);
    const d = await reader.resolve([Buffer.from("d")]);
    const e = await reader.resolve([Buffer.from("d"), Buffer.from("e")]);
    if (d === undefined || e === undefined) throw new Error("the directories are not there");
    const nid = Buffer.alloc(8);
    nid.writeBigUInt64LE(BigInt(e.nid));
    for (let at = bytes.indexOf(nid); at !== -1; at = bytes.indexOf(nid, at + 1))
      bytes.writeBigUInt64LE(BigInt(d.nid), at);
    await expect(readBack(await open(bytes))).rejects.toThrow("expected one name, found a second name of node");
  });

  it("is refused when it is cut short", async () => {
    await expect(open(image.subarray(0, 4000))).rejects.toThrow(InvalidFormatError);
    expect(await readAll(image.subarray(0, image.length - 4096))).toBe("refused");
  });
});
