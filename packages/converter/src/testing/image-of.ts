import { type DiskRun, mergeLayers, pathOf } from "@sluice/disk";
import { layerOf, type TestEntry } from "@sluice/disk/testing";
import { parseImageConfig } from "@sluice/oci";
import type { PredictableImage } from "../predict/predictable-image.js";

/** A file's content, `->TARGET` for a symlink, or an entry as it is with its content. */
export type TestFile = string | Uint8Array | { readonly content: string | Uint8Array; readonly mode: number };

export interface TestImage extends PredictableImage {
  /** Paths of the files that runs touch, each once, in their order. */
  pathsOf(runs: readonly DiskRun[]): string[];
  /** Pages of a file that runs hold. */
  pagesOf(runs: readonly DiskRun[], path: string): number[];
}

/** An image of one layer with these files; those below a `bin` directory and those that start with `#!` are executable. */
export function imageOf(
  files: Readonly<Record<string, TestFile>>,
  config: Readonly<Record<string, unknown>> = {},
): TestImage {
  const contents = new Map<string, Buffer>();
  const entries = Object.entries(files).map(([path, file]): TestEntry => {
    if (typeof file === "string" && file.startsWith("->")) return { path, type: "symlink", target: file.slice(2) };
    const content = typeof file === "string" || file instanceof Uint8Array ? file : file.content;
    const bytes = typeof content === "string" ? Buffer.from(content) : Buffer.from(content);
    contents.set(`/${path}`, bytes);
    const isProgram = /(^|\/)s?bin\//.test(path) || bytes.subarray(0, 2).toString() === "#!";
    const mode = typeof file === "object" && "mode" in file ? file.mode : isProgram ? 0o755 : 0o644;
    return { path, mode, sizeBytes: bytes.length };
  });
  const tree = mergeLayers([layerOf(entries)]);
  const layerStartBlocks = [64];
  const places = Array.from({ length: tree.inodeCount }, (_, inode) => ({
    path: pathOf(tree, inode),
    start: 64 + (tree.startBlock[inode] ?? 0),
    blocks: Math.ceil((contents.get(pathOf(tree, inode))?.length ?? 0) / 4096),
  }));
  const blocksIn = (runs: readonly DiskRun[]): number[] =>
    runs.flatMap(({ startBlock, blocks }) => Array.from({ length: blocks }, (_, i) => startBlock + i));
  const placeOf = (block: number): string =>
    places.find(({ start, blocks }) => start <= block && block < start + blocks)?.path ?? `block ${block} of nothing`;
  return {
    tree,
    layerStartBlocks,
    config: parseImageConfig(Buffer.from(JSON.stringify({ config, rootfs: { diff_ids: [] } })), "test"),
    read: async (inode, offset, length) => {
      const bytes = contents.get(pathOf(tree, inode));
      if (bytes === undefined || offset < 0 || offset + length > bytes.length)
        throw new Error("a read outside of a file");
      return bytes.subarray(offset, offset + length);
    },
    pathsOf: (runs) => [...new Set(blocksIn(runs).map(placeOf))],
    pagesOf: (runs, path) => {
      const start = places.find((place) => place.path === path)?.start ?? 0;
      return blocksIn(runs)
        .filter((block) => placeOf(block) === path)
        .map((block) => block - start)
        .sort((a, b) => a - b);
    },
  };
}
