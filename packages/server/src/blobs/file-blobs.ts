import { createReadStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type ByteRange, type Digest, hashOfDigest } from "@sluice/oci";
import { FileUpload } from "./file-upload.js";
import type { BlobUpload, RegistryBlobs } from "./registry-blobs.js";

/** Bytes read from the disk at once: large enough that the disk and the socket matter, not the calls. */
const readBufferBytes = 512 * 1024;

/** {@link RegistryBlobs} as files, each under its digest and never changed: `<folder>/sha256/ab/abcd…`. */
export class FileBlobs implements RegistryBlobs {
  readonly #folder: string;
  readonly #uploads: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#uploads = join(folder, "uploads");
  }

  /** Opens the store in `folder`, or makes it. What an earlier process had not finished is removed. */
  static async open(folder: string): Promise<FileBlobs> {
    const blobs = new FileBlobs(folder);
    await rm(blobs.#uploads, { recursive: true, force: true });
    await mkdir(blobs.#uploads, { recursive: true });
    return blobs;
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.#pathOf(digest))).size;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  read(digest: Digest, range: ByteRange): Readable {
    return createReadStream(this.#pathOf(digest), {
      start: range.start,
      end: range.end - 1,
      highWaterMark: readBufferBytes,
    });
  }

  async startUpload(): Promise<BlobUpload> {
    return await FileUpload.create(this.#uploads, (digest) => this.#pathOf(digest));
  }

  /** Made of the hash's bytes alone: nothing from outside becomes a part of a path. */
  #pathOf(digest: Digest): string {
    const hex = Buffer.from(hashOfDigest(digest)).toString("hex");
    return join(this.#folder, "sha256", hex.slice(0, 2), hex);
  }
}
