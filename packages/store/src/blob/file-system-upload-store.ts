import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import {
  type AbortOptions,
  algorithmOf,
  type DigestAlgorithm,
  DigestMismatchError,
  type ExpectedContent,
  Hasher,
  SizeMismatchError,
} from "@sluice/oci/content";
import { isErrno } from "../errno.js";
import { BatchWriter } from "./batch-writer.js";
import { NoSpaceError, UploadBusyError, UploadOffsetError, UploadUnknownError } from "./blob-errors.js";
import type { StoredBlob } from "./blob-store.js";
import { namingFullDisk, publishFile } from "./durable-files.js";
import type { FileSystemBlobStore } from "./file-system-blob-store.js";
import type { UploadStatus, UploadStore } from "./upload-store.js";

/**
 * {@link UploadStore} as files beside those of a {@link FileSystemBlobStore}. The file is the whole state: after a restart uploads go on,
 * and their hash, kept while they arrive, is made anew by reading them; so is a sha512. One process owns the folder.
 */
export class FileSystemUploadStore implements UploadStore {
  readonly #folder: string;
  readonly #blobs: FileSystemBlobStore;
  readonly #reserveBytes: number;
  /** Of what this process has seen from the first byte on. */
  readonly #hashers: Map<string, Hasher> = new Map();
  readonly #busy: Set<string> = new Set();

  private constructor(folder: string, blobs: FileSystemBlobStore, reserveBytes: number) {
    this.#folder = folder;
    this.#blobs = blobs;
    this.#reserveBytes = reserveBytes;
  }

  /**
   * @param folder on the same file system as the blobs; created if it is missing
   * @param reserveBytes of the disk that uploads leave to others
   */
  static async open(folder: string, blobs: FileSystemBlobStore, reserveBytes = 0): Promise<FileSystemUploadStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new FileSystemUploadStore(folder, blobs, reserveBytes);
  }

  async create(options?: AbortOptions): Promise<string> {
    options?.signal?.throwIfAborted();
    const id = randomUUID();
    await namingFullDisk(this.#folder, async () => {
      const file = await open(this.#pathOf(id), "wx", 0o644);
      await file.close();
    });
    this.#hashers.set(id, new Hasher());
    return id;
  }

  async status(id: string, options?: AbortOptions): Promise<UploadStatus> {
    options?.signal?.throwIfAborted();
    try {
      const { size, mtimeMs } = await stat(this.#pathOf(id));
      return { id, sizeBytes: size, changedAtMs: mtimeMs };
    } catch (error) {
      if (isErrno(error, "ENOENT")) throw unknown(id, error);
      throw error;
    }
  }

  append(id: string, offset: number, source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<number> {
    return this.#alone(id, async () => {
      const { sizeBytes } = await this.status(id, options);
      if (offset !== sizeBytes) throw new UploadOffsetError(id, offset, sizeBytes);
      return await namingFullDisk(this.#folder, () => this.#write(id, sizeBytes, source, options));
    });
  }

  commit(id: string, expected: ExpectedContent, options?: AbortOptions): Promise<StoredBlob> {
    return this.#alone(id, async () => {
      const { sizeBytes } = await this.status(id, options);
      const path = this.#pathOf(id);
      const digest = (await this.#hasherOf(id, algorithmOf(expected.digest), sizeBytes, options)).digest();
      try {
        const what = `upload ${id}`;
        if (expected.sizeBytes !== undefined && expected.sizeBytes !== sizeBytes) {
          throw new SizeMismatchError(what, expected.sizeBytes, sizeBytes);
        }
        if (digest !== expected.digest) throw new DigestMismatchError(what, expected.digest, digest);
        await namingFullDisk(this.#folder, async () => {
          await syncFile(path);
          await publishFile(path, this.#blobs.pathOf(digest));
        });
      } finally {
        await this.#end(id);
      }
      return { digest, sizeBytes };
    });
  }

  async abort(id: string): Promise<void> {
    if (!isUuid(id)) return;
    await this.#alone(id, () => this.#end(id));
  }

  async *list(options?: AbortOptions): AsyncGenerator<UploadStatus> {
    for (const id of await readdir(this.#folder)) {
      options?.signal?.throwIfAborted();
      if (!isUuid(id)) continue;
      try {
        yield await this.status(id);
      } catch (error) {
        if (!(error instanceof UploadUnknownError)) throw error; // it ended meanwhile
      }
    }
  }

  /**
   * The hash runs while the file is written. What came before the source failed is kept; when the file fails, the hash is ahead of it and
   * given up, to be made anew from the file.
   */
  async #write(id: string, start: number, source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<number> {
    const hasher = this.#hashers.get(id);
    let end = start;
    let checkedAt = Number.NEGATIVE_INFINITY;
    const file = await open(this.#pathOf(id), "r+");
    const writer = new BatchWriter(file, start);
    try {
      for await (const bytes of source) {
        options?.signal?.throwIfAborted();
        if (end - checkedAt >= bytesBetweenChecks) {
          await this.#demandRoom();
          checkedAt = end;
        }
        const added = writer.add(bytes);
        hasher?.update(bytes);
        end += bytes.byteLength;
        await added;
      }
    } finally {
      await writer
        .flush()
        .catch((error: unknown) => {
          this.#hashers.delete(id);
          throw error;
        })
        .finally(() => file.close());
    }
    return end;
  }

  /** @throws {NoSpaceError} when the reserve is touched */
  async #demandRoom(): Promise<void> {
    if (this.#reserveBytes === 0) return;
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize < this.#reserveBytes) throw new NoSpaceError(this.#folder);
  }

  async #hasherOf(
    id: string,
    algorithm: DigestAlgorithm,
    sizeBytes: number,
    options?: AbortOptions,
  ): Promise<Hasher<DigestAlgorithm>> {
    const known = this.#hashers.get(id);
    if (algorithm === "sha256" && known?.sizeBytes === sizeBytes) return known;
    const hasher = new Hasher(algorithm);
    const file = await open(this.#pathOf(id), "r");
    try {
      for await (const bytes of file.readableWebStream() as AsyncIterable<ArrayBuffer>) {
        options?.signal?.throwIfAborted();
        hasher.update(new Uint8Array(bytes));
      }
    } finally {
      await file.close();
    }
    return hasher;
  }

  async #end(id: string): Promise<void> {
    this.#hashers.delete(id);
    await rm(this.#pathOf(id), { force: true });
  }

  async #alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(id)) throw new UploadBusyError(`upload ${id} is being written to; wait until that has ended`);
    this.#busy.add(id);
    try {
      return await work();
    } finally {
      this.#busy.delete(id);
    }
  }

  /** @throws {UploadUnknownError} for anything but a UUID, so nothing from outside steers a path */
  #pathOf(id: string): string {
    if (!isUuid(id)) throw unknown(id);
    return join(this.#folder, id);
  }
}

/** How far beyond the reserve an upload may get, beside what others write meanwhile. */
const bytesBetweenChecks = 8 * 1024 * 1024;

const isUuid = (id: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);

const unknown = (id: string, cause?: unknown): UploadUnknownError =>
  new UploadUnknownError(`no upload ${JSON.stringify(id.slice(0, 100))}; it may have ended or expired`, { cause });

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
