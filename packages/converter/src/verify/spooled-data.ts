import { blockSizeBytes, type ReadData, type RemoteBlob, type SeekTable } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci";
import { writeError } from "../layer/disk-full.js";
import { readPieces } from "../layer/read-pieces.js";
import { openTemporaryFile } from "../layer/temporary-file.js";
import { readChunks } from "./data-space.js";

export interface SpoolDataOptions extends AbortOptions {
  readonly temporaryDirectory: string;
  /** Told of a chunk that is damaged; its blocks are zeros in what is read. Left out: the first one is thrown. */
  readonly onDamage?: ((chunk: number, damage: Error) => void) | undefined;
}

/** The data space of a blob in a temporary file, to be read in any order. Zero chunks are holes in it. */
export interface SpooledData extends AsyncDisposable {
  readonly read: ReadData;
}

/** @throws {InvalidFormatError} {DigestMismatchError} for a damaged chunk, without `onDamage`; {DiskFullError} */
export async function spoolData(blob: RemoteBlob, table: SeekTable, options: SpoolDataOptions): Promise<SpooledData> {
  const file = await openTemporaryFile(options.temporaryDirectory);
  try {
    let position = 0;
    for await (const chunk of readChunks(blob, table, options)) {
      if ("bytes" in chunk) await file.handle.write(chunk.bytes, 0, chunk.bytes.length, position);
      if ("damage" in chunk) report(chunk.row, chunk.damage, options);
      position += (table.blocks[chunk.row] ?? 0) * blockSizeBytes;
    }
    await file.handle.truncate(position);
    return {
      read: ({ start, end }) => readPieces(file.handle, start, end),
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    };
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw writeError(error, file.path);
  }
}

function report(chunk: number, damage: Error, { onDamage }: SpoolDataOptions): void {
  if (onDamage === undefined) throw damage;
  onDamage(chunk, damage);
}
