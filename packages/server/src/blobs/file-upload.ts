import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, link, mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type AbortOptions, type Digest, DigestMismatchError, digestOfHash } from "@sluice/oci";
import type { BlobUpload } from "./registry-blobs.js";

/** An upload as a file that gets its real name when it is whole, checked and on the disk. */
export class FileUpload implements BlobUpload {
  readonly id: string;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #finalPath: (digest: Digest) => string;
  readonly #hash = createHash("sha256");
  #sizeBytes = 0;
  #isOpen = true;

  private constructor(id: string, path: string, file: FileHandle, finalPath: (digest: Digest) => string) {
    this.id = id;
    this.#path = path;
    this.#file = file;
    this.#finalPath = finalPath;
  }

  /** Begins an upload in `folder`; `finalPath` tells where a blob belongs, on the same file system. */
  static async create(folder: string, finalPath: (digest: Digest) => string): Promise<FileUpload> {
    const id = randomUUID();
    const path = join(folder, id);
    return new FileUpload(id, path, await open(path, "wx", 0o444), finalPath);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async append(source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<void> {
    for await (const bytes of source) {
      options?.signal?.throwIfAborted();
      await this.#write(bytes);
    }
  }

  async commit(digest: Digest): Promise<void> {
    const actual = digestOfHash(this.#hash.digest());
    if (actual !== digest) throw new DigestMismatchError(`upload of ${this.#sizeBytes} bytes`, digest, actual);
    await this.#file.sync();
    const path = this.#finalPath(digest);
    await mkdir(dirname(path), { recursive: true });
    try {
      await link(this.#path, path);
    } catch (error) {
      // Its name is its content: whoever came first has stored the same bytes.
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    await syncFolder(dirname(path));
    await syncFolder(dirname(dirname(path)));
    await this.cancel();
  }

  async cancel(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  /** The hash takes only what the file has taken, so that both go on from the same byte after a failure. */
  async #write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.byteLength) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.byteLength - done, this.#sizeBytes);
      this.#hash.update(bytes.subarray(done, done + bytesWritten));
      done += bytesWritten;
      this.#sizeBytes += bytesWritten;
    }
  }
}

/** A new name is durable only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
