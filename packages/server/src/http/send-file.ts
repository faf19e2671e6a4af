import type { FileHandle } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { ClientGoneError, FileSender } from "../kernel/file-sender.js";
import type { FileBody } from "./answer.js";
import { beginAnswer, type Head, Taken } from "./begun-answer.js";
import { LentPieces } from "./piece-pool.js";

/**
 * Sends a part of a file, most of it through the kernel. A piece that goes the ordinary way waits until the connection takes more; what it
 * takes then at once, the kernel sends. So a slow client holds a small piece and no thread, and where the kernel cannot send, pieces do.
 *
 * @param cutShort is told why an answer whose head was sent ends early
 * @throws what opening the file fails with; nothing is sent then
 */
export async function sendFile(
  response: ServerResponse,
  head: Head,
  body: FileBody,
  sender: FileSender,
  cutShort: (error: unknown) => void,
): Promise<void> {
  const file = await body.open();
  const memory = new LentPieces();
  try {
    beginAnswer(response, head);
    await sendPart(response, file, body, sender, memory);
  } catch (error) {
    if (!(error instanceof ClientGoneError)) cutShort(error);
    response.destroy();
  } finally {
    memory.forget();
    await file.close();
  }
}

async function sendPart(
  response: ServerResponse,
  file: FileHandle,
  { range }: FileBody,
  sender: FileSender,
  memory: LentPieces,
): Promise<void> {
  const taken = new Taken(response);
  for (let at = range.start; at < range.end; ) {
    const piece = memory.take(range.end - at);
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, range.end - at), at);
    if (bytesRead === 0) throw new RangeError(`the file ends at ${at}, ${range.end - at} bytes early`);
    at += bytesRead;
    if (!(await taken.all(piece.subarray(0, bytesRead), at === range.end))) return;
    memory.giveBack(piece);
    // All before has been taken, so the connection is this answer's, also where it was asked for behind another.
    const { socket } = response;
    if (at === range.end || !FileSender.takes(socket)) continue;
    at += await sender.send(socket, { file: file.fd, start: at, end: range.end });
    if (at === range.end) response.end();
  }
}
