/**
 * What the cut rule, the order of files and the level cost and save on a directory, and what its next version shares with it.
 *
 *     node test/bench/run.js chunking DIRECTORY [--next NEXT-VERSION] [--read EXTENSION]
 *
 * Prints JSON. docs/adr/0003-chunking.md has tables made with it.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createGzip } from "node:zlib";
import {
  blockSizeBytes,
  blocksOf,
  ChunkAssembler,
  type CutChunk,
  compareForGrouping,
  compressFrame,
} from "@sluice/disk";

interface File {
  readonly path: string;
  /** sha256 of the content. */
  readonly id: string;
  readonly sizeBytes: number;
}

interface Chunks {
  /** Compressed size by chunk id. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly blocks: readonly number[];
  /** Compressed size of each chunk, in order. */
  readonly compressed: readonly number[];
  readonly seconds: Record<"read" | "cut" | "hash" | "compress", number>;
}

const orders: Record<string, (a: File, b: File) => number> = {
  path: (a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)),
  "kind, path": (a, b) => compareForGrouping(Buffer.from(a.path), Buffer.from(b.path)),
};

export async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { next: { type: "string" }, read: { type: "string" } },
  });
  const [directory] = positionals;
  const { next, read } = values;
  if (directory === undefined) throw new Error("usage: chunking DIRECTORY [--next NEXT-VERSION] [--read EXTENSION]");
  const files = distinctFiles(directory);
  const contentBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const gzipBytes = await gzipSize(directory, files);
  const results: Record<string, unknown> = {};
  for (const [name, order] of Object.entries(orders)) {
    const chunks = chunksOf(directory, files.toSorted(order));
    const update = next === undefined ? {} : shared(chunks, files, next, order);
    const reading = read === undefined ? {} : readingOf(`.${read}`, chunks, directory, files.toSorted(order));
    results[name] = { ...figures(chunks, contentBytes, gzipBytes), ...update, ...reading };
  }
  console.log(JSON.stringify({ directory, next, files: files.length, contentBytes, gzipBytes, results }, null, 2));
}

/** Equal contents once, in the order of readdir: what a tar of the directory would have. */
function distinctFiles(directory: string): File[] {
  const seen = new Set<string>();
  const files: File[] = [];
  for (const path of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const stat = lstatSync(join(directory, path));
    if (!stat.isFile() || stat.size === 0) continue;
    const id = createHash("sha256")
      .update(readFileSync(join(directory, path)))
      .digest("hex");
    if (seen.has(id)) continue;
    seen.add(id);
    files.push({ path, id, sizeBytes: stat.size });
  }
  return files;
}

function chunksOf(directory: string, files: readonly File[]): Chunks {
  const sizes = new Map<string, number>();
  const blocks: number[] = [];
  const compressed: number[] = [];
  const seconds = { read: 0, cut: 0, hash: 0, compress: 0 };
  const timed = <T>(step: keyof typeof seconds, work: () => T): T => {
    const start = performance.now();
    const result = work();
    seconds[step] += (performance.now() - start) / 1000;
    return result;
  };
  const keep = (chunk: CutChunk): void => {
    blocks.push(chunk.blocks);
    const { bytes } = chunk;
    if (bytes === undefined) {
      compressed.push(0);
      return;
    }
    const id = timed("hash", () => createHash("sha256").update(bytes).digest("hex"));
    const size = sizes.get(id) ?? timed("compress", () => compressFrame(bytes)).length;
    sizes.set(id, size);
    compressed.push(size);
  };
  const assembler = new ChunkAssembler();
  for (const file of files) {
    const bytes = timed("read", () => padded(readFileSync(join(directory, file.path))));
    for (const chunk of timed("cut", () => push(assembler, bytes))) keep(chunk);
  }
  for (const chunk of assembler.finish()) keep(chunk);
  return { sizes, blocks, compressed, seconds };
}

function push(assembler: ChunkAssembler, bytes: Uint8Array): CutChunk[] {
  assembler.startFile(bytes.length / blockSizeBytes);
  return assembler.push(bytes);
}

function padded(content: Buffer): Uint8Array {
  const bytes = new Uint8Array(blocksOf(content.length) * blockSizeBytes);
  bytes.set(content);
  return bytes;
}

/** Of a tar of the files: a header, the content, padding. */
async function gzipSize(directory: string, files: readonly File[]): Promise<number> {
  const gzip = createGzip({ level: 6 });
  let size = 0;
  const read = (async () => {
    for await (const piece of gzip) size += (piece as Buffer).length;
  })();
  for (const { path, sizeBytes } of files) {
    const member = Buffer.alloc(512 + Math.ceil(sizeBytes / 512) * 512);
    member.write(`${path}\0`, 0, "latin1");
    member.write("0000644\x000000000\x000000000\0", 100, "latin1");
    readFileSync(join(directory, path)).copy(member, 512);
    if (!gzip.write(member)) await new Promise((resolve) => gzip.once("drain", resolve));
  }
  gzip.end();
  await read;
  return size;
}

function figures({ sizes, blocks, seconds }: Chunks, contentBytes: number, gzipBytes: number): object {
  const compressedBytes = sum(sizes.values());
  const sorted = blocks.toSorted((a, b) => a - b);
  const megabytesPerSecond = Object.fromEntries(
    Object.entries(seconds).map(([step, time]) => [step, Math.round(contentBytes / 1e6 / time)]),
  );
  return {
    chunks: blocks.length,
    meanKiB: Math.round((sum(blocks) / blocks.length) * 4),
    quartilesKiB: [0.25, 0.5, 0.75].map((at) => (sorted[Math.floor(sorted.length * at)] ?? 0) * 4),
    paddedToContent: round((sum(blocks) * blockSizeBytes) / contentBytes),
    compressedBytes,
    toGzip: round(compressedBytes / gzipBytes),
    megabytesPerSecond,
  };
}

/** What a node that has `first` fetches for the next version, against the changed files alone, chunked by themselves. */
function shared(first: Chunks, files: readonly File[], next: string, order: (a: File, b: File) => number): object {
  const later = distinctFiles(next).toSorted(order);
  const known = new Set(files.map(({ id }) => id));
  const changed = later.filter(({ id }) => !known.has(id));
  const { sizes } = chunksOf(next, later);
  const fetchedBytes = sum([...sizes].filter(([id]) => !first.sizes.has(id)).map(([, size]) => size));
  const changedBytes = sum(chunksOf(next, changed).sizes.values());
  return {
    nextBytes: sum(sizes.values()),
    nextChangedFiles: changed.length,
    nextChangedBytes: changedBytes,
    nextFetchedBytes: fetchedBytes,
    fetchedToChanged: round(fetchedBytes / changedBytes),
  };
}

/** What a node fetches to read every file whose name ends so, against those files alone, chunked by themselves. */
function readingOf(ending: string, { blocks, compressed }: Chunks, directory: string, files: readonly File[]): object {
  const wanted = new Set<number>();
  let chunk = 0;
  let chunkEnd = blocks[0] ?? 0;
  let block = 0;
  for (const file of files) {
    const end = block + blocksOf(file.sizeBytes);
    for (; block < end; block++) {
      while (block >= chunkEnd) chunkEnd += blocks[++chunk] ?? Number.POSITIVE_INFINITY;
      if (file.path.endsWith(ending)) wanted.add(chunk);
    }
  }
  const alone = sum(
    chunksOf(
      directory,
      files.filter(({ path }) => path.endsWith(ending)),
    ).sizes.values(),
  );
  const readBytes = sum([...wanted].map((i) => compressed[i] ?? 0));
  return { readChunks: wanted.size, readBytes, readToNeeded: round(readBytes / alone) };
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);
const round = (ratio: number): number => Math.round(ratio * 1000) / 1000;
