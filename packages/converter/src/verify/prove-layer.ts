import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { InvalidFormatError, type LayerIndex, readRecipe, readSection, rebuildTar, type SeekTable } from "@sluice/disk";
import type { Digest } from "@sluice/oci";
import type { PlannedChunk } from "../layer/plan-chunks.js";
import { planLayer } from "../layer/plan-layer.js";
import { readChunk } from "../layer/read-chunk.js";
import { scanTar } from "../layer/scan-tar.js";
import { openTemporaryFile } from "../layer/temporary-file.js";
import type { OpenedBlob } from "./artifact-reader.js";
import { indexDifference } from "./compare-index.js";
import { type SpoolDataOptions, spoolData } from "./spooled-data.js";

export interface ProveLayerOptions extends SpoolDataOptions {
  /** Length of the tar, bounded by the caller. Bytes. */
  readonly tarBytes: number;
}

/** Chunks that are hashed before others get a turn. */
const chunksAtOnce = 32;

/**
 * Proves that a layer blob is the conversion of one tar and of nothing else: the tar is rebuilt from the recipe and scanned as in a conversion, and
 * the index and the chunks that this gives must be those of the blob. Needs room for the data space twice; memory as a conversion.
 *
 * @returns the DiffID of that tar; undefined when chunks are damaged and `onDamage` was told
 * @throws {InvalidFormatError} {DigestMismatchError} {TarInvalidError} saying what of the blob is wrong; {DiskFullError}
 */
export async function proveLayer(
  blob: OpenedBlob,
  index: LayerIndex,
  options: ProveLayerOptions,
): Promise<Digest | undefined> {
  const { remote, footer, seekTable } = blob;
  const { tarBytes, signal, temporaryDirectory } = options;
  if (footer.recipe === undefined) throw new InvalidFormatError("footer", "recipe", "one, as in every layer", "none");
  let damaged = false;
  const onDamage =
    options.onDamage &&
    ((row: number, damage: Error) => {
      damaged = true;
      options.onDamage?.(row, damage);
    });
  await using data = await spoolData(remote, seekTable, { ...options, onDamage });
  if (damaged) return undefined;
  await using contents = await openTemporaryFile(temporaryDirectory);
  const recipe = readRecipe(readSection(remote, footer.recipe, "recipe", options), footer.dataBlocks);
  const tar = rebuildTar(recipe, data.read, { signal, tarBytes });
  const scan = await scanTar(asBuffers(tar), { contents, signal });
  const plan = planLayer(scan);
  const difference = indexDifference(index, plan.index);
  if (difference !== undefined) throw new InvalidFormatError("layer index", difference, "what the tar has", "another");
  let row = 0;
  for (const chunk of plan.chunks) {
    signal?.throwIfAborted();
    if (row % chunksAtOnce === 0) await setImmediate();
    compareChunk(seekTable, row++, chunk, contents.handle.fd);
  }
  if (row !== seekTable.count) {
    throw new InvalidFormatError("seek table", "rows", `${row}, as the tar gives`, seekTable.count);
  }
  return scan.diffId;
}

function compareChunk(table: SeekTable, row: number, { blocks, runs }: PlannedChunk, descriptor: number): void {
  const isZero = table.compressedSize[row] === 0;
  const same = row < table.count && table.blocks[row] === blocks && isZero === (runs === undefined);
  const sameBytes = same && (runs === undefined || hasId(table, row, readChunk({ descriptor, runs })));
  if (!sameBytes) throw new InvalidFormatError("seek table", `row ${row}`, "the chunk that the tar gives", "another");
}

const hasId = (table: SeekTable, row: number, bytes: Uint8Array): boolean =>
  createHash("sha256")
    .update(bytes)
    .digest()
    .equals(table.sha256.subarray(row * 32, row * 32 + 32));

async function* asBuffers(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}
