import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  DiskRegions,
  ErofsReader,
  type LayerIndex,
  type MergedTree,
  mergeLayers,
  modeType,
  planErofs,
  walkErofs,
  writeErofs,
} from "@sluice/disk";
import { type DumpedEntry, dumpTree, latin1, layerOf, type TestEntry } from "@sluice/disk/testing";
import { missingPrograms } from "@sluice/oci/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareTrees, listTree } from "../support/tree.js";

const run = promisify(execFile);

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "sluice-erofs-"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

/** Bytes to tell files apart by: no two blocks are equal. */
function layerData({ dataBlocks }: LayerIndex, layer: number): Buffer {
  const data = Buffer.alloc(dataBlocks * 4096, layer);
  for (let block = 0; block < dataBlocks; block++) data.write(`layer ${layer}, block ${block}`, block * 4096);
  return data;
}

/** Writes the disk of an image with these layers, and a listing as a reader of the mounted disk should get it. */
async function makeDisk(name: string, layers: readonly LayerIndex[]): Promise<{ disk: string; expected: string }> {
  const tree = mergeLayers(layers);
  const plan = planErofs(tree);
  const regions = new DiskRegions();
  regions.place("metadata", plan.blocks);
  const starts = layers.map(({ dataBlocks }, i) => regions.place(`layer ${i}`, dataBlocks));
  const { diskBlocks } = regions;
  const disk = join(work, `${name}.disk`);
  await using file = await open(disk, "w");
  let at = 0;
  for (const piece of writeErofs(plan, { layerStartBlocks: starts, diskBlocks })) {
    await file.write(piece, 0, piece.length, at);
    at += piece.length;
  }
  const data = layers.map(layerData);
  for (const [i, bytes] of data.entries()) await file.write(bytes, 0, bytes.length, (starts[i] ?? 0) * 4096);
  await file.truncate(diskBlocks * 4096);
  const expected = join(work, `${name}.expected`);
  await writeFile(
    expected,
    expectedRows(tree, data)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(""),
  );
  return { disk, expected };
}

/** What test/support/list_tree.py should print. */
function expectedRows(tree: MergedTree, data: readonly Buffer[]): Record<string, unknown>[] {
  const first = new Map<number, string>();
  const dump = dumpTree(tree);
  return [...dump.keys()].sort().map((name) => {
    const entry = dump.get(name);
    if (entry === undefined) throw new Error("a key has a value");
    const path = name === "" ? "" : `/${name}`;
    if (!first.has(entry.inode)) first.set(entry.inode, path);
    const links = { links: entry.linkCount, first: first.get(entry.inode) };
    const row = {
      path,
      ...factsOf(entry, tree, data),
      ...(entry.linkCount > 1 && entry.type !== "directory" && links),
    };
    return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

const typeWords: Readonly<Record<string, string>> = { characterDevice: "char", blockDevice: "block" };

function factsOf(entry: DumpedEntry, tree: MergedTree, data: readonly Buffer[]): Record<string, unknown> {
  const start = (tree.startBlock[entry.inode] ?? 0) * 4096;
  const content = data[tree.layer[entry.inode] ?? -1]?.subarray(start, start + entry.sizeBytes) ?? Buffer.alloc(0);
  return {
    type: typeWords[entry.type] ?? entry.type,
    mode: `0o${entry.mode.toString(8)}`,
    uid: entry.uid,
    gid: entry.gid,
    mtime: String(BigInt(entry.mtimeSeconds) * 1_000_000_000n + BigInt(entry.mtimeNanoseconds)),
    xattrs: entry.xattrs,
    ...(entry.type === "file" && { size: entry.sizeBytes, sha256: createHash("sha256").update(content).digest("hex") }),
    ...(entry.type === "symlink" && { target: entry.target }),
    ...(entry.type in typeWords && { device: entry.rdev.split(":").map(Number) }),
  };
}

async function listOfMount(disk: string): Promise<string> {
  const point = `${disk}.mounted`;
  const listing = `${disk}.listing`;
  await mkdir(point);
  await run("mount", ["-t", "erofs", "-o", "loop,ro", disk, point]);
  try {
    await listTree(point, listing);
  } finally {
    await run("umount", [point]);
  }
  return listing;
}

async function expectKernelAgrees(name: string, layers: readonly LayerIndex[]): Promise<number> {
  const { disk, expected } = await makeDisk(name, layers);
  const { stdout, stderr } = await run("fsck.erofs", ["-d3", disk]);
  expect(stdout + stderr).toContain("No errors found");
  const { compared, differences } = await compareTrees(expected, await listOfMount(disk));
  expect(differences).toEqual([]);
  return compared;
}

const value = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);

const corners: readonly TestEntry[] = [
  { path: "", type: "directory", mode: 0o751, uid: 7, gid: 8, mtimeSeconds: 1_600_000_000, mtimeNanoseconds: 1 },
  { path: "sizes/empty" },
  ...[1, 4095, 4096, 4097, 1_048_577].map((sizeBytes) => ({ path: `sizes/${sizeBytes}`, sizeBytes })),
  { path: "links/a/one", sizeBytes: 10, mode: 0o4755 },
  { path: "links/b/two", type: "hardLink", target: "links/a/one" },
  { path: "links/three", type: "hardLink", target: "links/b/two" },
  ...[1, 100, 3999, 4000, 4032, 4033, 4095].map(
    (length): TestEntry => ({ path: `links/to-${length}`, type: "symlink", target: "t".repeat(length) }),
  ),
  { path: "links/again", type: "hardLink", target: "links/to-100" },
  { path: "dev/console", type: "characterDevice", rdevMajor: 5, rdevMinor: 1, mode: 0o600 },
  { path: "dev/wide", type: "blockDevice", rdevMajor: 4095, rdevMinor: 1_048_575 },
  { path: "dev/pipe", type: "fifo", mode: 0o622 },
  ...[0o4711, 0o2711, 0o1777, 0].map((mode) => ({
    path: `modes/${mode.toString(8)}`,
    mode,
    uid: 4_294_967_294,
    gid: 3e9,
  })),
  { path: "modes/sticky", type: "directory", mode: 0o1777 },
  { path: "times/before-1970", mtimeSeconds: -1e9, mtimeNanoseconds: 250_000_000 },
  { path: "times/after-2038", mtimeSeconds: 2 ** 32, mtimeNanoseconds: 999_999_999 },
  {
    path: "xattrs/file",
    sizeBytes: 3,
    xattrs: {
      "user.empty": "",
      "user.binary": value(256, 0),
      "user.large": value(65_535, 1),
      "user.large-too": value(60_000, 2),
      "trusted.secret": "t",
      "security.capability": Buffer.from("0100000200040000000000000000000000000000", "hex"),
      "system.posix_acl_access": Buffer.from("0200000001000600ffffffff04000400ffffffff20000400ffffffff", "hex"),
    },
  },
  { path: "xattrs/directory", type: "directory", xattrs: { "user.dir": value(4000, 3) } },
  { path: "xattrs/link", type: "symlink", target: "x".repeat(50), xattrs: { "trusted.link": value(4000, 4) } },
  ...[3900, 3950, 4000, 4016, 4020].map((n) => ({ path: `xattrs/${n}/in`, xattrs: { "user.v": value(n, n) } })),
  { path: Buffer.concat([Buffer.from("names/"), Buffer.alloc(255, 0xfe)]) },
  { path: Buffer.concat([Buffer.from("names/"), value(255, 1).map((b) => (b === 0 || b === 0x2f ? 1 : b))]) },
  ...["-", "..a", ".-", "...", " ", "new\nline", "back\\slash", ".a", "~"].map((name) => ({
    path: `names/${name}`,
    sizeBytes: 5,
  })),
];

/** Layers of one seed, always the same: a small linear congruential generator picks what they hold. */
function randomLayers(seed: number): LayerIndex[] {
  let state = seed;
  const below = (n: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const path = (): string =>
    Array.from({ length: 1 + below(4) }, () => "abcdefgh-~".charAt(below(10)).repeat(1 + below(60))).join("/");
  const entry = (): TestEntry => {
    const common = { path: `${path()}.leaf`, mode: below(0o10000), uid: below(1e9), mtimeSeconds: below(4e9) - 2e9 };
    const xattrs = below(3) === 0 ? { "trusted.x": value(below(5000), seed), "security.y": value(below(50), 1) } : {};
    const types = [
      { ...common, xattrs, sizeBytes: below(20_000) },
      { ...common, xattrs, path: `${path()}/.`.slice(0, -2), type: "directory" as const },
      { ...common, xattrs, type: "symlink" as const, target: "s".repeat(1 + below(4095)) },
      { ...common, type: "whiteout" as const },
    ];
    return types[below(types.length)] ?? common;
  };
  return Array.from({ length: 1 + below(4) }, () => layerOf(Array.from({ length: below(80) }, entry)));
}

const missing = missingPrograms({ "fsck.erofs": "erofs-utils", "mkfs.erofs": "erofs-utils", setfattr: "attr" });

describe.skipIf(missing !== "")(
  `the metadata of a merged image, as fsck.erofs and the kernel see it ${missing}`,
  () => {
    it("has every corner case of names, times, links, devices and extended attributes", async () => {
      expect(await expectKernelAgrees("corners", [layerOf(corners)])).toBeGreaterThan(60);
    });

    it("is an empty root for an image without entries", async () => {
      expect(await expectKernelAgrees("empty", [layerOf([])])).toBe(1);
      expect(await expectKernelAgrees("none", [])).toBe(1);
    });

    it("has 127 layers merged, each over the one before", async () => {
      const layers = Array.from({ length: 127 }, (_, i) =>
        layerOf([
          { path: "shared", sizeBytes: 100 + i, uid: i },
          { path: `own/${i}`, sizeBytes: 5000 },
          ...(i > 0 && i % 3 === 0 ? [{ path: `own/${i - 1}`, type: "whiteout" as const }] : []),
        ]),
      );
      expect(await expectKernelAgrees("layers", layers)).toBe(1 + 2 + 127 - 42);
    });

    it("has a directory of 100,000 names, and one of 5,000 of 255 bytes", async () => {
      const many = Array.from({ length: 100_000 }, (_, i) => ({ path: `many/file-${i}`, mtimeSeconds: i }));
      const long = Array.from({ length: 5_000 }, (_, i) => ({ path: `long/${String(i).padStart(255, "n")}` }));
      expect(await expectKernelAgrees("many", [layerOf([...many, ...long])])).toBe(105_003);
    });

    it("has random stacks of layers", async () => {
      let compared = 0;
      for (let seed = 1; seed <= 15; seed++) compared += await expectKernelAgrees(`random-${seed}`, randomLayers(seed));
      expect(compared).toBeGreaterThan(1_000);
    });

    it("has a file of 5 GiB whose last bytes are where they belong", async () => {
      const sizeBytes = 5 * 2 ** 30 + 3;
      const tree = mergeLayers([
        layerOf([
          { path: "first", sizeBytes: 1 },
          { path: "huge", sizeBytes },
        ]),
      ]);
      const plan = planErofs(tree);
      const regions = new DiskRegions();
      regions.place("metadata", plan.blocks);
      const start = regions.place("layer", 1_310_722);
      const disk = join(work, "huge.disk");
      await writeFile(
        disk,
        Buffer.concat([...writeErofs(plan, { layerStartBlocks: [start], diskBlocks: start + 1_310_722 })]),
      );
      await run("truncate", ["-s", String((start + 1_310_722) * 4096), disk]);
      await using file = await open(disk, "r+");
      await file.write("end", (start + 1) * 4096 + sizeBytes - 3);
      await file.sync();
      const point = join(work, "huge");
      await mkdir(point);
      await run("mount", ["-t", "erofs", "-o", "loop,ro", disk, point]);
      try {
        expect((await run("stat", ["-c", "%s", join(point, "huge")])).stdout.trim()).toBe(String(sizeBytes));
        expect((await run("tail", ["-c", "5", join(point, "huge")])).stdout).toBe("\0\0end");
      } finally {
        await run("umount", [point]);
      }
    });
  },
);

describe.skipIf(missing !== "")(`the reader ${missing}`, () => {
  it.each([
    ["compact inodes", ["-E", "force-inode-compact"]],
    ["extended inodes", ["-E", "force-inode-extended"]],
    ["shared extended attributes", ["-x1"]],
  ])("reads what mkfs.erofs makes with %s as the kernel does", async (name, options) => {
    const source = join(work, `${name}.source`);
    await makeSource(source);
    const disk = join(work, `${name}.disk`);
    await run("mkfs.erofs", ["-T1234567", ...options, disk, source]);
    const listing = `${disk}.read`;
    await writeFile(listing, (await rowsOfReader(disk)).map((row) => `${JSON.stringify(row)}\n`).join(""));
    const leaveOut = (row: Record<string, unknown>): void => {
      delete row["first"];
    };
    const { compared, differences } = await compareTrees(listing, await listOfMount(disk), leaveOut);
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(400);
  });
});

async function makeSource(source: string): Promise<void> {
  await mkdir(join(source, "many"), { recursive: true });
  for (let i = 0; i < 400; i++) await writeFile(join(source, "many", `file-${i}`), "x".repeat(i * 40));
  const script = `
    ln -s many/file-1 link; ln -s "$(printf 't%.0s' $(seq 3000))" long; ln many/file-7 hard; mkfifo pipe; mknod dev c 1 3
    chown 60000:65534 many/file-3; chmod 4711 many/file-4
    for i in $(seq 0 9); do setfattr -n user.same -v 'a value that many files have' many/file-$i; done
    setfattr -n security.own -v own many/file-5; setfattr -n trusted.x -v y many`;
  await run("bash", ["-ec", script], { cwd: source });
}

/** As test/support/list_tree.py would list the disk. */
async function rowsOfReader(disk: string): Promise<Record<string, unknown>[]> {
  await using file = await open(disk, "r");
  const read = async (offset: number, length: number): Promise<Buffer> =>
    (await file.read(Buffer.alloc(length), 0, length, offset)).buffer;
  const reader = await ErofsReader.open(read);
  const rows: Record<string, unknown>[] = [];
  for await (const { path, inode } of walkErofs(reader)) {
    const type = inode.mode & modeType.mask;
    const xattrs = await reader.xattrs(inode);
    const hash = createHash("sha256");
    if (type === modeType.file) {
      for (const { diskOffset, lengthBytes } of reader.fileExtents(inode))
        hash.update(await read(diskOffset, lengthBytes));
    }
    const row = {
      path: path.length === 0 ? "" : `/${latin1(path)}`,
      type: listedTypes.get(type),
      mode: `0o${(inode.mode & 0o7777).toString(8)}`,
      uid: inode.uid,
      gid: inode.gid,
      mtime: String(BigInt(inode.mtimeSeconds) * 1_000_000_000n + BigInt(inode.mtimeNanoseconds)),
      xattrs: Object.fromEntries(xattrs.map(({ name, value: v }) => [latin1(name), latin1(v)]).sort()),
      ...(type === modeType.file && { size: inode.sizeBytes, sha256: hash.digest("hex") }),
      ...(type === modeType.symlink && { target: latin1(await reader.readLink(inode)) }),
      ...(type === modeType.characterDevice && { device: [inode.rdevMajor, inode.rdevMinor] }),
      ...(inode.linkCount > 1 && type !== modeType.directory && { links: inode.linkCount }),
    };
    rows.push(Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))));
  }
  return rows;
}

const listedTypes: ReadonlyMap<number, string> = new Map([
  [modeType.file, "file"],
  [modeType.directory, "directory"],
  [modeType.symlink, "symlink"],
  [modeType.characterDevice, "char"],
  [modeType.fifo, "fifo"],
]);
