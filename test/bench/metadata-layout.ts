/**
 * What the layout of the EROFS metadata costs to read and to update, for a directory as an image of one layer, and for ways to lay it out.
 *
 *     node test/bench/run.js metadata-layout DIRECTORY
 *
 * Prints JSON. docs/adr/0004-metadata-layout.md has tables made with it.
 */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import {
  blockSizeBytes,
  blocksOf,
  compressFrame,
  type EntryType,
  type ErofsPlan,
  entryType,
  type LayerIndex,
  LayerIndexBuilder,
  type MergedTree,
  mergeLayers,
  metadataChunkBlocks,
  modeType,
  type PlanOptions,
  planErofs,
  writeErofs,
} from "@sluice/disk";

const variants: Record<string, PlanOptions> = {
  "as we do": {},
  "breadth first": { order: "breadth-first" },
  "no segments": { directoriesPerSegment: 0 },
  "segments of 1,024 directories": { directoriesPerSegment: 1024 },
  "tails of at most 2 KiB": { maxTailBytes: 2048 },
  "no tails": { maxTailBytes: 0 },
};
const windowBlocks = 32; // 128 KiB
const chunkBytes = metadataChunkBlocks * blockSizeBytes;
const trials = 16;

export async function main([directory]: readonly string[]): Promise<void> {
  if (directory === undefined) throw new Error("usage: metadata-layout DIRECTORY");
  const layer = layerOfDirectory(Buffer.from(directory));
  const started = performance.now();
  const tree = mergeLayers([layer]);
  const mergeMs = performance.now() - started;
  const results: Record<string, unknown> = {};
  for (const [name, options] of Object.entries(variants)) results[name] = figures(tree, layer, options);
  const million = millionEntries();
  console.log(
    JSON.stringify({ inodes: tree.inodeCount, mergeMs, smallFiles: smallFiles(tree), results, million }, null, 2),
  );
}

function figures(tree: MergedTree, layer: LayerIndex, options: PlanOptions): Record<string, number> {
  const started = performance.now();
  const plan = planErofs(tree, options);
  const planMs = performance.now() - started;
  const chunks = chunksOf(plan, layer);
  const walked = blocksOfWalk(plan, 0);
  const lookups = sample(tree.inodeCount, 500).map((inode) => new Set(blocksOfLookup(plan, inode)));
  const shallow = sample(Math.min(4000, tree.inodeCount), 2000).slice(1);
  const directories = shallow.filter((inode) => tree.type[inode] === entryType.directory);
  const subtrees = directories.map((inode) => blocksOfWalk(plan, inode)).filter((blocks) => new Set(blocks).size >= 16);
  return {
    blocks: plan.blocks,
    blocksRead: new Set(walked).size,
    compressedKiB: round(sum([...chunks.values()]) / 1024),
    walkWindowLoadsOneKept: loads(walked, 1),
    walkWindowLoadsFourKept: loads(walked, 4),
    walkWindows: new Set(walked.map(windowOf)).size,
    lookupBlocks: round(mean(lookups.map((blocks) => blocks.size))),
    lookupWindows: round(mean(lookups.map((blocks) => new Set([...blocks].map(windowOf)).size))),
    subtreeWindowsOverLeast: round(mean(subtrees.map(excessOfSubtree))),
    subtrees: subtrees.length,
    updateOneFileKiB: updateKiB(tree, layer, options, chunks, 1),
    updateFiftyFilesKiB: updateKiB(tree, layer, options, chunks, 50),
    planMs: round(planMs),
  };
}

/** Windows that a walk of a subtree needs, over the least that its blocks would fill. */
const excessOfSubtree = (blocks: readonly number[]): number =>
  new Set(blocks.map(windowOf)).size / Math.ceil(new Set(blocks).size / windowBlocks);

/** Metadata blocks in the order in which `find` with stat asks: a directory, then each name with what is below it. */
function blocksOfWalk(plan: ErofsPlan, root: number): number[] {
  const { tree } = plan;
  const blocks: number[] = [];
  const waiting = [root];
  for (let inode = waiting.pop(); inode !== undefined; inode = waiting.pop()) {
    blocks.push(blockOfInode(plan, inode));
    if (tree.type[inode] !== entryType.directory) continue;
    blocks.push(...dataBlocks(plan, inode));
    for (let entry = (tree.firstEntry[inode + 1] ?? 0) - 1; entry >= (tree.firstEntry[inode] ?? 0); entry--) {
      waiting.push(tree.entryInode[entry] ?? 0);
    }
  }
  return blocks;
}

/** Metadata blocks for a cold lookup of a path: each directory's inode, one block of its names, and the inode. */
function blocksOfLookup(plan: ErofsPlan, inode: number): number[] {
  const blocks = [blockOfInode(plan, inode)];
  for (let at = inode; at !== 0; ) {
    at = plan.tree.parent[at] ?? 0;
    const data = dataBlocks(plan, at);
    blocks.push(blockOfInode(plan, at), ...data.slice(0, Math.ceil(Math.log2(data.length + 1)))); // binary search
  }
  return blocks;
}

const blockOfInode = (plan: ErofsPlan, inode: number): number => Math.floor((plan.slot[inode] ?? 0) / 128);

function dataBlocks(plan: ErofsPlan, directory: number): number[] {
  const first = plan.dataBlock[directory] ?? 0;
  const size = plan.sizeBytes[directory] ?? 0;
  const count = first === 0 ? 0 : plan.layout[directory] === 0 ? blocksOf(size) : Math.floor(size / 4096);
  return Array.from({ length: count }, (_, i) => first + i);
}

const windowOf = (block: number): number => Math.floor(block / windowBlocks);

/** Windows fetched when the last `kept` ones are remembered. */
function loads(blocks: readonly number[], kept: number): number {
  const recent: number[] = [];
  let count = 0;
  for (const window of blocks.map(windowOf)) {
    const at = recent.indexOf(window);
    if (at === -1) count++;
    else recent.splice(at, 1);
    recent.push(window);
    if (recent.length > kept) recent.shift();
  }
  return count;
}

/** Compressed size of each chunk of the metadata, by its content. */
function chunksOf(plan: ErofsPlan, layer: LayerIndex): Map<string, number> {
  const start = 262_144 * Math.ceil(plan.blocks / 262_144);
  const pieces = [...writeErofs(plan, { layerStartBlocks: [start], diskBlocks: start + layer.dataBlocks })];
  const metadata = Buffer.concat(pieces);
  const chunks = new Map<string, number>();
  for (let at = 0; at < metadata.length; at += chunkBytes) {
    const bytes = metadata.subarray(at, at + chunkBytes);
    if (bytes.some((byte) => byte !== 0)) chunks.set(bytes.toString("latin1"), compressFrame(bytes).length);
  }
  return chunks;
}

/** Compressed metadata that a node has to fetch again when files were added to a directory, if it reads all; mean of some places. */
function updateKiB(
  tree: MergedTree,
  layer: LayerIndex,
  options: PlanOptions,
  before: ReadonlyMap<string, number>,
  count: number,
): number {
  const changed: number[] = [];
  for (const inode of sample(tree.inodeCount, trials)) {
    const added = new LayerIndexBuilder();
    const directory = pathBytes(tree, tree.parent[inode] ?? 0);
    for (let i = 0; i < count; i++) {
      added.append({
        ...plain,
        type: entryType.file,
        path: Buffer.concat([directory, Buffer.from(`added-file-${i}`)]),
      });
    }
    const after = chunksOf(planErofs(mergeLayers([layer, added.finish(0)]), options), layer);
    changed.push(sum([...after].filter(([chunk]) => !before.has(chunk)).map(([, size]) => size)));
  }
  return round(mean(changed) / 1024);
}

const plain = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 };

/** With a `/` behind it, but for the root. */
function pathBytes({ parent, nameEntry, entryName }: MergedTree, inode: number): Buffer {
  const names: Uint8Array[] = [];
  for (let at = inode; at !== 0; at = parent[at] ?? 0) {
    const entry = nameEntry[at] ?? 0;
    names.unshift(entryName.bytes.subarray(entryName.ends[entry], entryName.ends[entry + 1]), Buffer.from("/"));
  }
  return Buffer.concat(names);
}

/** What inlining files of at most this size would move into the metadata. */
function smallFiles(tree: MergedTree): Record<string, Record<string, number>> {
  const sizes = [...tree.sizeBytes].filter((_, inode) => tree.type[inode] === entryType.file);
  const row = (limit: number): Record<string, number> => {
    const small = sizes.filter((size) => size > 0 && size <= limit);
    return { files: small.length, MiB: round(sum(small) / 2 ** 20) };
  };
  return { "256 bytes": row(256), "1 KiB": row(1024), "2 KiB": row(2048), all: row(Number.MAX_SAFE_INTEGER) };
}

function millionEntries(): Record<string, number> {
  const index = new LayerIndexBuilder();
  for (let i = 0; i < 1_000_000; i++) {
    const path = Buffer.from(`usr/lib/node_modules/package-${i % 5000}/lib/module-${i}.js`);
    index.append({ ...plain, type: entryType.file, path, sizeBytes: 100 });
  }
  const layer = index.finish(1);
  const times = [performance.now()];
  const tree = mergeLayers([layer]);
  times.push(performance.now());
  const plan = planErofs(tree);
  times.push(performance.now());
  let bytes = 0;
  for (const piece of writeErofs(plan, { layerStartBlocks: [262_144], diskBlocks: 262_145 })) bytes += piece.length;
  times.push(performance.now());
  const [start = 0, merged = 0, planned = 0, written = 0] = times;
  return {
    mergeMs: round(merged - start),
    planMs: round(planned - merged),
    writeMs: round(written - planned),
    MiB: round(bytes / 2 ** 20),
    peakRssMiB: round(process.resourceUsage().maxRSS / 1024),
  };
}

function layerOfDirectory(root: Buffer): LayerIndex {
  const index = new LayerIndexBuilder();
  let nextBlock = 0;
  for (const path of pathsIn(root)) {
    const { mode, uid, gid, mtimeMs, size } = lstatSync(path);
    const type = typesByMode.get(mode & modeType.mask) ?? entryType.file;
    const sizeBytes = type === entryType.file ? size : 0;
    const row = index.append({
      type,
      mode: mode & 0o7777,
      uid,
      gid,
      mtimeSeconds: Math.floor(mtimeMs / 1000),
      mtimeNanoseconds: 0,
      path: path.subarray(root.length + 1),
      sizeBytes,
      target: type === entryType.symlink ? readlinkSync(path, { encoding: "buffer" }) : new Uint8Array(),
    });
    if (sizeBytes > 0) index.setStartBlock(row, nextBlock);
    nextBlock += blocksOf(sizeBytes);
  }
  return index.finish(nextBlock);
}

const typesByMode: ReadonlyMap<number, EntryType> = new Map([
  [modeType.directory, entryType.directory],
  [modeType.symlink, entryType.symlink],
]);

function* pathsIn(root: Buffer): Generator<Buffer> {
  const waiting = [root];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const name of readdirSync(directory, { encoding: "buffer" })) {
      const path = Buffer.concat([directory, Buffer.from("/"), name]);
      yield path;
      if (lstatSync(path).isDirectory()) waiting.push(path);
    }
  }
}

/** Evenly spread, always the same. */
const sample = (length: number, count: number): number[] =>
  Array.from({ length: Math.min(count, length) }, (_, i) => Math.floor(((i + 0.5) * length) / count));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / Math.max(1, values.length);
const round = (value: number): number => Math.round(value * 100) / 100;
