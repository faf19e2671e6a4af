import type { FileHandle } from "node:fs/promises";
import type { RemoteBlob } from "@sluice/disk";
import { readPieces } from "./read-pieces.js";

/** A blob in a file of this machine, to read sections of. The file stays its opener's. */
export function localBlob(handle: FileHandle, sizeBytes: number): RemoteBlob {
  return {
    sizeBytes,
    read: async ({ start, end }) => {
      const pieces: Buffer[] = [];
      for await (const piece of readPieces(handle, start, end)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
  };
}
