import type { Stats } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import {
  type AbortOptions,
  algorithmOf,
  type ByteRange,
  type ContentDigest,
  type ExpectedContent,
  hexOf,
  isContentDigest,
  verifyStream,
} from "@sluice/oci/content";
import { isErrno } from "../errno.js";
import { BlobMissingError } from "./blob-errors.js";
import type { BlobStore, ListedBlob, ReadOptions } from "./blob-store.js";
import { namingFullDisk, publishFile, touch, writeAll } from "./durable-files.js";
import { TemporaryFiles } from "./temporary-files.js";

/** Bytes read from the disk at once: large enough that the disk matters and not the calls. */
const readPieceBytes = 512 * 1024;

const algorithms = ["sha256", "sha512"] as const;

/** {@link BlobStore} as files: `<folder>/sha256/ab/abcd…` (or `sha512`), in a folder for each first byte of the hash. Processes may share a folder. */
export class FileSystemBlobStore implements BlobStore {
  readonly #folder: string;
  readonly #temporary: TemporaryFiles;

  private constructor(folder: string, temporary: TemporaryFiles) {
    this.#folder = folder;
    this.#temporary = temporary;
  }

  /** Opens the store in `folder`, or makes it. What dead writers left is removed. */
  static async open(folder: string): Promise<FileSystemBlobStore> {
    const temporary = await TemporaryFiles.open(join(folder, "tmp"));
    for (const algorithm of algorithms) await mkdir(join(folder, algorithm), { recursive: true });
    return new FileSystemBlobStore(folder, temporary);
  }

  /** Where the blob's file is, or would be. On one file system with the whole folder. Made of the hash alone: nothing from outside is in it. */
  pathOf(digest: ContentDigest): string {
    const hex = hexOf(digest);
    return join(this.#folder, algorithmOf(digest), hex.slice(0, 2), hex);
  }

  async has(digest: ContentDigest, options?: AbortOptions): Promise<boolean> {
    return (await this.sizeOf(digest, options)) !== undefined;
  }

  async sizeOf(digest: ContentDigest, options?: AbortOptions): Promise<number | undefined> {
    options?.signal?.throwIfAborted();
    return (await statIfThere(this.pathOf(digest)))?.size;
  }

  async *read(digest: ContentDigest, range?: ByteRange, options?: ReadOptions): AsyncGenerator<Uint8Array> {
    const { file, start, end } = await this.#open(digest, range);
    try {
      for (let at = start; at < end; ) {
        options?.signal?.throwIfAborted();
        const piece = options?.memory?.take(end - at) ?? Buffer.allocUnsafeSlow(Math.min(readPieceBytes, end - at));
        const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, end - at), at);
        if (bytesRead === 0) throw new RangeError(`blob ${digest}: its file ends at ${at}, inside what was asked for`);
        at += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async openFile(digest: ContentDigest, range?: ByteRange): Promise<FileHandle> {
    return (await this.#open(digest, range)).file;
  }

  async put(expected: ExpectedContent, source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    const storedBytes = await this.sizeOf(expected.digest);
    if (storedBytes !== undefined && storedBytes === (expected.sizeBytes ?? storedBytes)) {
      await touch(this.pathOf(expected.digest));
      await source[Symbol.asyncIterator]().return?.();
      return;
    }
    const path = this.#temporary.newPath();
    try {
      await namingFullDisk(this.#folder, async () => {
        await writeVerified(path, expected, source, options);
        await publishFile(path, this.pathOf(expected.digest));
      });
    } finally {
      await rm(path, { force: true });
    }
  }

  async delete(digest: ContentDigest, options?: AbortOptions): Promise<boolean> {
    options?.signal?.throwIfAborted();
    try {
      await unlink(this.pathOf(digest));
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  }

  async *list(options?: AbortOptions): AsyncGenerator<ListedBlob> {
    for (const algorithm of algorithms) {
      for (const shard of await readdir(join(this.#folder, algorithm))) {
        for (const name of await readdir(join(this.#folder, algorithm, shard))) {
          options?.signal?.throwIfAborted();
          const digest = `${algorithm}:${name}`;
          if (!isContentDigest(digest)) continue;
          const found = await statIfThere(this.pathOf(digest));
          if (found !== undefined) yield { digest, sizeBytes: found.size, storedAtMs: found.mtimeMs };
        }
      }
    }
  }

  async #open(digest: ContentDigest, range?: ByteRange): Promise<ByteRange & { readonly file: FileHandle }> {
    const file = await this.#openBlob(digest);
    try {
      const { size } = await file.stat();
      const { start, end } = range ?? { start: 0, end: size };
      if (Number.isSafeInteger(start) && start >= 0 && start <= end && end <= size) return { file, start, end };
      throw new RangeError(`blob ${digest} of ${size} bytes: cannot read ${start} to ${end}`);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #openBlob(digest: ContentDigest): Promise<FileHandle> {
    try {
      return await open(this.pathOf(digest), "r");
    } catch (error) {
      if (isErrno(error, "ENOENT")) throw new BlobMissingError(digest, this.#folder, { cause: error });
      throw error;
    }
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function writeVerified(
  path: string,
  expected: ExpectedContent,
  source: AsyncIterable<Uint8Array>,
  options?: AbortOptions,
): Promise<void> {
  const file = await open(path, "wx", 0o444);
  try {
    let sizeBytes = 0;
    for await (const bytes of verifyStream(source, expected, `blob ${expected.digest}`)) {
      options?.signal?.throwIfAborted();
      await writeAll(file, bytes, sizeBytes);
      sizeBytes += bytes.byteLength;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
