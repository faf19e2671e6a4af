import type { RemoteBlob } from "@sluice/disk";
import type { AbortOptions, ByteRange } from "@sluice/oci";
import { contentOfChunk, type DiskBlobs, placeOfChunk, type ReadableToc } from "./disk-chunk.js";

/** Two frames with less between them are read together. Bytes. */
const maxGapBytes = 64 * 1024;
/** Read at once at most, unless one frame is larger. Bytes. */
const maxRequestBytes = 2 * 1024 * 1024;
/** Requests under way: enough to fill a long link, little enough to hold. */
const requestsAhead = 4;

/** A chunk of the disk, proven. */
export interface DiskChunk {
  readonly row: number;
  readonly bytes: Uint8Array;
}

interface Request {
  readonly blob: RemoteBlob;
  readonly rows: number[];
  range: ByteRange;
}

/**
 * The chunks of these rows, in their order. Frames that lie near each other are read together, some requests ahead of the reader.
 *
 * @param rows of chunks with data; best in disk order
 * @throws {InvalidFormatError} {DigestMismatchError} and what the blobs throw
 */
export async function* readRows(
  toc: ReadableToc,
  rows: Iterable<number>,
  blobs: DiskBlobs,
  options?: AbortOptions,
): AsyncGenerator<DiskChunk> {
  const ahead: { readonly request: Request; readonly frames: Promise<Uint8Array> }[] = [];
  const requests = requestsFor(toc, rows, blobs);
  const start = (): void => {
    const { value: request } = requests.next();
    if (!request) return;
    const frames = request.blob.read(request.range, options);
    frames.catch(() => undefined); // awaited in its turn, unless an earlier one failed
    ahead.push({ request, frames });
  };
  for (let i = 0; i < requestsAhead; i++) start();
  for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
    options?.signal?.throwIfAborted();
    const frames = await next.frames;
    start();
    for (const row of next.request.rows) {
      const at = (toc.chunks.offset[row] ?? 0) - next.request.range.start;
      const frame = frames.subarray(at, at + (toc.chunks.compressedSize[row] ?? 0));
      yield { row, bytes: contentOfChunk(toc, row, frame) };
    }
  }
}

function* requestsFor(toc: ReadableToc, rows: Iterable<number>, blobs: DiskBlobs): Generator<Request, undefined> {
  let open: Request | undefined;
  for (const row of rows) {
    const { blob, range } = placeOfChunk(toc, row, blobs);
    const fits =
      open?.blob === blob &&
      range.start >= open.range.end &&
      range.start - open.range.end <= maxGapBytes &&
      range.end - open.range.start <= maxRequestBytes;
    if (fits && open !== undefined) {
      open.rows.push(row);
      open.range = { start: open.range.start, end: range.end };
      continue;
    }
    if (open !== undefined) yield open;
    open = { blob, rows: [row], range };
  }
  if (open !== undefined) yield open;
}
