import type { OpenFile } from "./open-file.js";

const pieceBytes = 256 * 1024;

/** A file from `start` to its end or to `end`, in pieces of memory of their own. @throws {Error} if it ends before `end` */
export async function* readPieces(
  handle: Pick<OpenFile, "read">,
  start = 0,
  end: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, end - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) {
      if (end === Number.POSITIVE_INFINITY) return;
      throw new Error(`file ends at byte ${at}, ${end - at} bytes early`);
    }
    yield piece.subarray(0, bytesRead);
    at += bytesRead;
  }
}
