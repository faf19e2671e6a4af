import type { LayerIndex } from "@sluice/disk";
import { type DataOrder, orderData } from "./data-order.js";
import { firstEqualFiles } from "./equal-files.js";
import { type PlannedChunk, type PlannedFile, planChunks } from "./plan-chunks.js";
import type { TarScan } from "./scan-tar.js";
import type { StoredFiles } from "./stored-files.js";

/** Where everything of a layer goes in its blob: a pure function of the tar. */
export interface LayerPlan {
  readonly index: LayerIndex;
  readonly dataBlocks: number;
  /** Of every stored file: its first block in the data space. */
  readonly startBlock: Uint32Array;
  /** In the order of the data space; to be iterated once. */
  readonly chunks: Iterable<PlannedChunk>;
}

/** @throws {RangeError} if the files do not fit on a disk */
export function planLayer({ sink, spool }: Pick<TarScan, "sink" | "spool">): LayerPlan {
  const { files } = sink;
  const unplaced = sink.index.finish(0);
  const order = orderData(files, firstEqualFiles(files, spool), unplaced);
  return {
    index: placed(unplaced, files, order),
    dataBlocks: order.dataBlocks,
    startBlock: order.startBlock,
    chunks: planChunks(plannedFiles(files, order), spool),
  };
}

/** The index with the places of the files in it. */
function placed(index: LayerIndex, files: StoredFiles, order: DataOrder): LayerIndex {
  const startBlock = index.startBlock.slice();
  for (let file = 0; file < files.count; file++) {
    const entry = files.entry(file);
    if (entry < startBlock.length) startBlock[entry] = order.startBlock[file] ?? 0;
  }
  return { ...index, startBlock, dataBlocks: order.dataBlocks };
}

function* plannedFiles(files: StoredFiles, order: DataOrder): Generator<PlannedFile> {
  for (const file of order.files) yield { blocks: files.blocks(file), runs: files.runs(file) };
}
