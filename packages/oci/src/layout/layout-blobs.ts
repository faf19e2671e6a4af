import { constants } from "node:fs";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AbortOptions } from "../abort-options.js";
import { type ByteRange, sizeOfRange } from "../bytes/byte-range.js";
import { DigestMismatchError } from "../digest/content-digest.js";
import type { Digest } from "../digest/digest.js";
import { Hasher } from "../digest/hasher.js";
import { SizeMismatchError } from "../digest/verify-stream.js";
import { NotFoundError } from "../repository/errors.js";
import type { BlobName } from "../repository/repository.js";
import { AtomicFile, syncFolder } from "./atomic-file.js";
import { isErrno } from "./errno.js";

const readBytes = 256 * 1024;

/** The files below `blobs/` of an image layout (image-layout.md of the OCI image specification). */
export class LayoutBlobs {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async size(digest: Digest): Promise<number | undefined> {
    try {
      const found = await stat(this.#pathOf(digest));
      return found.isFile() ? found.size : undefined;
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
      throw error;
    }
  }

  /** The bytes of `range`, or of everything, as they lie there. @throws {NotFoundError} {SizeMismatchError} */
  async *read(digest: Digest, range?: ByteRange, options?: AbortOptions): AsyncGenerator<Uint8Array, void, undefined> {
    options?.signal?.throwIfAborted();
    if (range !== undefined && sizeOfRange(range) <= 0) return;
    const what = this.#nameOf(digest);
    const handle = await this.#open(digest);
    try {
      const { size } = await handle.stat();
      const { end, start } = range ?? { start: 0, end: size };
      if (end > size) throw new SizeMismatchError(what, end, size);
      for (let at = start; at < end; ) {
        const piece = Buffer.allocUnsafe(Math.min(readBytes, end - at));
        const { bytesRead } = await handle.read(piece, 0, piece.byteLength, at);
        if (bytesRead === 0) throw new SizeMismatchError(what, end, at);
        at += bytesRead;
        options?.signal?.throwIfAborted();
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /** Stores what comes, under its name; checked against `expected` before anybody can see it. */
  async write(
    content: AsyncIterable<Uint8Array>,
    expected: BlobName | undefined,
    options?: AbortOptions,
  ): Promise<BlobName> {
    const hasher = new Hasher();
    await using file = await AtomicFile.create(this.#directory);
    for await (const piece of content) {
      options?.signal?.throwIfAborted();
      hasher.update(piece);
      if (expected && hasher.sizeBytes > expected.size) break;
      await file.write(piece);
    }
    const size = hasher.sizeBytes;
    const digest = hasher.digest();
    if (expected !== undefined) {
      const what = this.#nameOf(expected.digest);
      if (size !== expected.size) throw new SizeMismatchError(what, expected.size, size);
      if (digest !== expected.digest) throw new DigestMismatchError(what, expected.digest, digest);
    }
    await file.moveTo(this.#pathOf(digest));
    return { digest, size };
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.#pathOf(digest), { force: true });
    await syncFolder(join(this.#directory, "blobs", "sha256"));
  }

  async #open(digest: Digest): Promise<FileHandle> {
    try {
      // not blocking: a pipe in place of a blob must not hold us
      const handle = await open(this.#pathOf(digest), constants.O_RDONLY | constants.O_NONBLOCK);
      if ((await handle.stat()).isFile()) return handle;
      await handle.close();
    } catch (error) {
      if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw error;
    }
    throw new NotFoundError(`${this.#nameOf(digest)}: not there. Is the copy complete? Copy the image again`);
  }

  #pathOf(digest: Digest): string {
    return join(this.#directory, "blobs", "sha256", digest.slice("sha256:".length));
  }

  #nameOf(digest: Digest): string {
    return `blob ${digest} of oci:${this.#directory}`;
  }
}
