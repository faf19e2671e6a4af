import { setTimeout } from "node:timers/promises";
import { type ContentDigest, DigestMismatchError } from "@sluice/oci";
import {
  type BlobStore,
  UploadBusyError,
  UploadOffsetError,
  type UploadStatus,
  type UploadStore,
  UploadUnknownError,
} from "@sluice/store";
import { linkStoredBlob } from "../garbage/link-stored-blob.js";
import type { Quota } from "../garbage/quota.js";
import type { MetadataStore } from "../metadata/metadata-store.js";
import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";
import { bounded, defaultUploadLimits, OpenUploads, type UploadLimits } from "./upload-limits.js";

/** How long nobody may touch an upload before it is forgotten: a client that lost its link for a night may go on. Milliseconds. */
export const idleUploadMs: number = 24 * 60 * 60 * 1000;

/** How long a request whose client has gone is waited for, and how often it is looked at. */
const maxBusyTries = 100;
const busyMs = 50;
/** How often what is open is counted anew at most, however many are refused: it lists every upload. Milliseconds. */
const minRecountMs = 1_000;

/**
 * The uploads of repositories: bytes in an {@link UploadStore}, whose they are in the metadata. They outlive the process. Errors are
 * those of the specification: BLOB_UPLOAD_UNKNOWN when a repository has no such upload, BLOB_UPLOAD_INVALID with 409 while another
 * request writes to it and with 416 for bytes that do not follow the ones that are there; SIZE_INVALID with 413, which ends the upload,
 * and TOOMANYREQUESTS beyond the limits.
 */
export class Uploads {
  readonly #store: UploadStore;
  readonly #blobs: BlobStore;
  readonly #metadata: MetadataStore;
  readonly #limits: UploadLimits;
  readonly #open: OpenUploads;
  /** Who began an upload in this process. */
  readonly #begunBy = new Map<string, string>();
  #countedAtMs = Number.NEGATIVE_INFINITY;
  #recounting: Promise<void> | undefined;

  readonly #quota: Quota | undefined;

  private constructor(
    store: UploadStore,
    blobs: BlobStore,
    metadata: MetadataStore,
    limits: UploadLimits,
    quota: Quota | undefined,
  ) {
    this.#quota = quota;
    this.#store = store;
    this.#blobs = blobs;
    this.#metadata = metadata;
    this.#limits = limits;
    this.#open = new OpenUploads(limits);
  }

  /** With those that an earlier process left behind. */
  static async open(
    store: UploadStore,
    blobs: BlobStore,
    metadata: MetadataStore,
    limits: UploadLimits = defaultUploadLimits,
    quota?: Quota,
  ): Promise<Uploads> {
    const uploads = new Uploads(store, blobs, metadata, limits, quota);
    for await (const { id } of store.list()) uploads.#open.add((await metadata.repositoryOfUpload(id)) ?? "", id);
    return uploads;
  }

  /** @param caller who begins it @returns the upload's id */
  async start(repository: RepositoryName, caller = ""): Promise<string> {
    const id = await this.#create(repository);
    if (caller !== "") this.#begunBy.set(id, caller);
    try {
      await this.#metadata.addUpload(repository, id);
    } catch (error) {
      await this.#end(id);
      throw error;
    }
    return id;
  }

  async status(repository: RepositoryName, id: string): Promise<UploadStatus> {
    await this.#mustBelong(repository, id);
    return await refusing(id, () => this.#store.status(id));
  }

  /**
   * Adds bytes at `offset`, which must be where the upload ends; what arrives before the source fails is kept.
   * @returns bytes of the upload after it
   */
  async append(id: string, offset: number, source: AsyncIterable<Uint8Array>): Promise<number> {
    try {
      const repository = (await this.#metadata.repositoryOfUpload(id)) as RepositoryName | undefined; // of a start
      const limited = this.#bounded(repository, source, offset);
      return await refusing(id, () => this.#store.append(id, offset, limited));
    } catch (error) {
      if (error instanceof RegistryError && error.code === "SIZE_INVALID") await refusing(id, () => this.#forget(id));
      throw error;
    }
  }

  /** Makes the upload a blob of its repository. Wrong bytes end it: DIGEST_INVALID. */
  async commit(repository: RepositoryName, id: string, digest: ContentDigest): Promise<void> {
    try {
      await refusing(id, () => this.#store.commit(id, { digest }));
    } catch (error) {
      if (error instanceof RegistryError && error.code === "DIGEST_INVALID") await this.#forget(id);
      throw error;
    }
    this.#open.remove(id);
    this.#begunBy.delete(id);
    await linkStoredBlob(this.#metadata, this.#blobs, repository, digest);
    await this.#metadata.removeUpload(id);
  }

  async cancel(repository: RepositoryName, id: string): Promise<void> {
    await this.#mustBelong(repository, id);
    await refusing(id, () => this.#forget(id));
  }

  /** Cancels what `caller` has begun in this process and not ended. It must have gone: a request of it that still writes is waited for. */
  async cancelOf(caller: string): Promise<void> {
    for (const [id, begunBy] of this.#begunBy) {
      for (let tries = 0; begunBy === caller; tries++) {
        try {
          await this.#forget(id);
          break;
        } catch (error) {
          if (!(error instanceof UploadBusyError) || tries === maxBusyTries) throw error;
          await setTimeout(busyMs);
        }
      }
    }
  }

  /**
   * A whole blob from one source. The bytes are read and checked even when the blob is stored already: whoever links it must have it.
   * Nothing stays when it fails.
   */
  async push(repository: RepositoryName, digest: ContentDigest, source: AsyncIterable<Uint8Array>): Promise<void> {
    const id = await this.#create(repository);
    try {
      await this.#store.append(id, 0, this.#bounded(repository, source, 0));
      await refusing(id, () => this.#store.commit(id, { digest }));
    } catch (error) {
      await this.#store.abort(id);
      throw error;
    } finally {
      this.#open.remove(id);
    }
    await linkStoredBlob(this.#metadata, this.#blobs, repository, digest);
  }

  count(): number {
    return this.#open.count;
  }

  /**
   * Ends those that nobody can go on with, since their process died before it noted whose they are. Only while no other process uses the store.
   * @returns how many
   */
  async endUnclaimed(): Promise<number> {
    let ended = 0;
    for await (const { id } of this.#store.list()) {
      if ((await this.#metadata.repositoryOfUpload(id)) !== undefined) continue;
      await this.#end(id);
      ended++;
    }
    return ended;
  }

  /**
   * Cancels those that nobody has touched since `deadlineMs` (milliseconds since 1970), and forgets whose those were that a process ended and
   * died before it said so. @returns how many were cancelled
   */
  async expire(deadlineMs: number): Promise<number> {
    let expired = 0;
    for await (const { id, changedAtMs } of this.#store.list()) {
      if (changedAtMs >= deadlineMs) continue;
      try {
        await this.#forget(id);
      } catch (error) {
        if (error instanceof UploadBusyError) continue; // somebody has come back to it
        throw error;
      }
      expired++;
    }
    await this.#recount();
    await this.#forgetEnded();
    return expired;
  }

  #bounded(
    repository: RepositoryName | undefined,
    source: AsyncIterable<Uint8Array>,
    takenBytes: number,
  ): AsyncIterable<Uint8Array> {
    const limited = bounded(source, takenBytes, this.#limits.maxBlobBytes);
    return repository === undefined ? limited : (this.#quota?.bounded(repository, limited) ?? limited);
  }

  async #create(repository: RepositoryName): Promise<string> {
    const id = await this.#store.create();
    try {
      await this.#admit(repository, id);
    } catch (error) {
      await this.#store.abort(id);
      throw error;
    }
    return id;
  }

  async #admit(repository: RepositoryName, id: string): Promise<void> {
    if (this.#open.isFull(repository) && performance.now() - this.#countedAtMs > minRecountMs) {
      this.#recounting ??= this.#recount().finally(() => {
        this.#recounting = undefined;
      });
      await this.#recounting;
    }
    this.#open.admit(repository, id);
  }

  /** Other processes end what this one began, and this one what they began. */
  async #recount(): Promise<void> {
    const gone = new Set(this.#open.ids());
    const others: string[] = [];
    for await (const { id } of this.#store.list()) if (!gone.delete(id)) others.push(id);
    for (const id of gone) {
      this.#open.remove(id);
      this.#begunBy.delete(id);
    }
    for (const id of others) {
      const repository = await this.#metadata.repositoryOfUpload(id);
      if (repository !== undefined) this.#open.add(repository, id);
    }
    this.#countedAtMs = performance.now();
  }

  async #forgetEnded(): Promise<void> {
    for await (const id of this.#metadata.uploads()) {
      try {
        await this.#store.status(id);
      } catch (error) {
        if (!(error instanceof UploadUnknownError)) throw error;
        await this.#metadata.removeUpload(id);
      }
    }
  }

  async #end(id: string): Promise<void> {
    await this.#store.abort(id);
    this.#open.remove(id);
    this.#begunBy.delete(id);
  }

  async #forget(id: string): Promise<void> {
    await this.#end(id);
    await this.#metadata.removeUpload(id);
  }

  async #mustBelong(repository: RepositoryName, id: string): Promise<void> {
    if ((await this.#metadata.repositoryOfUpload(id)) !== repository) throw unknownUpload(id);
  }
}

/** What the store refuses, in the words of the specification. */
async function refusing<T>(id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UploadUnknownError) throw unknownUpload(id);
    if (error instanceof UploadBusyError) {
      throw new RegistryError("BLOB_UPLOAD_INVALID", error.message, undefined, { status: 409 });
    }
    if (error instanceof UploadOffsetError) {
      throw new RegistryError("BLOB_UPLOAD_INVALID", error.message, { sizeBytes: error.sizeBytes }, { status: 416 });
    }
    if (error instanceof DigestMismatchError) {
      throw new RegistryError("DIGEST_INVALID", "the bytes do not hash to the digest they were pushed under", {
        named: error.expected,
        actual: error.actual,
      });
    }
    throw error;
  }
}

const unknownUpload = (id: string): RegistryError =>
  new RegistryError("BLOB_UPLOAD_UNKNOWN", "no such upload in this repository; it may have ended or expired", {
    upload: id.slice(0, 100),
  });
