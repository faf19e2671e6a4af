import { byteString, groupingOrder, type LayerIndex } from "@sluice/disk";
import { noEntry, type StoredFiles } from "./stored-files.js";

/** Where the distinct files of a layer lie in its data space. */
export interface DataOrder {
  /** Distinct files in the order of the data space. */
  readonly files: Uint32Array;
  /** For every file, equal ones too: its first block in the data space. */
  readonly startBlock: Uint32Array;
  readonly dataBlocks: number;
}

/** The most blocks a data space can have. docs/format.md §2.2 */
const maxDataBlocks = 2 ** 32 - 1;
const nameless = new Uint8Array(0);

/** @throws {RangeError} if the files do not fit on a disk */
export function orderData(files: StoredFiles, first: Uint32Array, index: LayerIndex): DataOrder {
  const pathOf = (file: number): Uint8Array => {
    const entry = files.entry(file);
    return entry === noEntry ? nameless : byteString(index.path, entry);
  };
  const distinct = first.filter((of, file) => of === file);
  const order = groupingOrder(Array.from(distinct, pathOf));
  const ordered = order.map((row) => distinct[row] ?? 0);
  const startBlock = new Uint32Array(files.count);
  let dataBlocks = 0;
  for (const file of ordered) {
    startBlock[file] = dataBlocks;
    dataBlocks += files.blocks(file);
    if (dataBlocks > maxDataBlocks) throw new RangeError("the files of the layer are larger than 16 TiB together");
  }
  for (let file = 0; file < files.count; file++) startBlock[file] = startBlock[first[file] ?? 0] ?? 0;
  return { files: ordered, startBlock, dataBlocks };
}
