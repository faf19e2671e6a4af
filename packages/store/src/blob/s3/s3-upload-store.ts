import { randomUUID } from "node:crypto";
import {
  type AbortOptions,
  algorithmOf,
  type DigestAlgorithm,
  DigestMismatchError,
  type ExpectedContent,
  Hasher,
  SizeMismatchError,
} from "@sluice/oci/content";
import { UploadBusyError, UploadOffsetError, UploadUnknownError } from "../blob-errors.js";
import type { StoredBlob } from "../blob-store.js";
import type { UploadStatus, UploadStore } from "../upload-store.js";
import { partsOf } from "./part-pieces.js";
import { keyOfBlob, putParts } from "./s3-blob-store.js";
import { minPartBytes, ObjectExistsError, type S3Bucket, type StoredObject } from "./s3-bucket.js";

/**
 * {@link UploadStore} as objects of an S3 bucket: `uploads/<id>/begun`, and one for each part, named by where it begins. Any process goes on
 * with any upload. Two that append at the same moment write the same name, which only one of them may. The hash is kept while one process
 * sees all bytes, and made anew by reading them otherwise.
 */
export class S3UploadStore implements UploadStore {
  readonly #bucket: S3Bucket;
  readonly #hashers = new Map<string, Hasher>();
  readonly #busy = new Set<string>();

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  async create(options?: AbortOptions): Promise<string> {
    options?.signal?.throwIfAborted();
    const id = randomUUID();
    await this.#bucket.put(`${folderOf(id)}begun`, new Uint8Array(0));
    this.#hashers.set(id, new Hasher());
    return id;
  }

  async status(id: string, options?: AbortOptions): Promise<UploadStatus> {
    return statusOf(id, await this.#objects(id, options));
  }

  append(id: string, offset: number, source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<number> {
    return this.#alone(id, async () => {
      const { sizeBytes } = await this.status(id, options);
      if (offset !== sizeBytes) throw new UploadOffsetError(id, offset, sizeBytes);
      const hasher = this.#hashers.get(id);
      let end = offset;
      try {
        for await (const bytes of partsOf(source)) {
          options?.signal?.throwIfAborted();
          await this.#bucket.put(`${folderOf(id)}${String(end).padStart(16, "0")}`, bytes, true);
          if (hasher?.sizeBytes === end) hasher.update(bytes);
          end += bytes.byteLength;
        }
      } catch (error) {
        if (error instanceof ObjectExistsError) throw busy(id);
        throw error;
      }
      return end;
    });
  }

  commit(id: string, expected: ExpectedContent, options?: AbortOptions): Promise<StoredBlob> {
    return this.#alone(id, async () => {
      const objects = await this.#objects(id, options);
      const { sizeBytes } = statusOf(id, objects);
      const parts = objects.filter(({ key }) => !key.endsWith("/begun"));
      const digest = (await this.#hasherOf(id, algorithmOf(expected.digest), sizeBytes, parts, options)).digest();
      const problem = mismatch(`upload ${id}`, expected, { digest, sizeBytes });
      if (problem === undefined) await this.#publish(keyOfBlob(digest), parts);
      await this.#end(id, objects);
      if (problem !== undefined) throw problem;
      return { digest, sizeBytes };
    });
  }

  async abort(id: string): Promise<void> {
    if (!isUuid(id)) return;
    await this.#alone(id, async () => {
      const objects: StoredObject[] = [];
      for await (const object of this.#bucket.list(folderOf(id))) objects.push(object);
      await this.#end(id, objects);
    });
  }

  /** Also those whose end was cut short, which are unknown by then but hold parts: aborting them removes the rest. */
  async *list(options?: AbortOptions): AsyncGenerator<UploadStatus> {
    let current: StoredObject[] = [];
    for await (const object of this.#bucket.list("uploads/", options)) {
      const isNext = current[0] !== undefined && idOf(current[0].key) !== idOf(object.key);
      if (isNext) yield* summaryOf(current);
      current = isNext ? [object] : [...current, object];
    }
    yield* summaryOf(current);
  }

  /** Large parts are copied by the store itself; small ones, of clients that send small chunks, pass through here. */
  async #publish(key: string, parts: readonly StoredObject[]): Promise<void> {
    const canCopy = parts.length > 0 && parts.slice(0, -1).every(({ sizeBytes }) => sizeBytes >= minPartBytes);
    if (!canCopy) return await putParts(this.#bucket, key, partsOf(this.#bytesOf(parts)));
    await this.#bucket.assemble(
      key,
      (async function* () {
        for (const part of parts) yield { copyOf: part.key };
      })(),
    );
  }

  async *#bytesOf(parts: readonly StoredObject[], options?: AbortOptions): AsyncGenerator<Uint8Array> {
    for (const { key, sizeBytes } of parts) {
      const bytes = await this.#bucket.read(key, 0, sizeBytes, options);
      if (bytes === undefined) throw unknown(idOf(key));
      yield* bytes;
    }
  }

  async #hasherOf(
    id: string,
    algorithm: DigestAlgorithm,
    sizeBytes: number,
    parts: readonly StoredObject[],
    options?: AbortOptions,
  ): Promise<Hasher<DigestAlgorithm>> {
    const kept = this.#hashers.get(id);
    // A hasher gives its digest once: when the commit fails after that, the next one reads the bytes.
    this.#hashers.delete(id);
    if (algorithm === "sha256" && kept?.sizeBytes === sizeBytes) return kept;
    const hasher = new Hasher(algorithm);
    for await (const bytes of this.#bytesOf(parts, options)) hasher.update(bytes);
    return hasher;
  }

  /** @throws {UploadUnknownError} */
  async #objects(id: string, options?: AbortOptions): Promise<readonly StoredObject[]> {
    if (!isUuid(id)) throw unknown(id);
    const objects: StoredObject[] = [];
    for await (const object of this.#bucket.list(folderOf(id), options)) objects.push(object);
    return objects;
  }

  /** The mark goes first: without it the rest is no upload. */
  async #end(id: string, objects: readonly StoredObject[]): Promise<void> {
    this.#hashers.delete(id);
    for (const { key } of objects.toReversed()) await this.#bucket.delete(key);
  }

  async #alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(id)) throw busy(id);
    this.#busy.add(id);
    try {
      return await work();
    } finally {
      this.#busy.delete(id);
    }
  }
}

function mismatch(what: string, expected: ExpectedContent, actual: StoredBlob): Error | undefined {
  const { digest, sizeBytes } = actual;
  if (expected.sizeBytes !== undefined && expected.sizeBytes !== sizeBytes) {
    return new SizeMismatchError(what, expected.sizeBytes, sizeBytes);
  }
  return digest === expected.digest ? undefined : new DigestMismatchError(what, expected.digest, digest);
}

const folderOf = (id: string): string => `uploads/${id}/`;
const idOf = (key: string): string => key.split("/")[1] ?? "";
const isUuid = (id: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);

const unknown = (id: string): UploadUnknownError =>
  new UploadUnknownError(`no upload ${JSON.stringify(id.slice(0, 100))}; it may have ended or expired`);
const busy = (id: string): UploadBusyError =>
  new UploadBusyError(`upload ${id} is being written to; wait until that has ended`);

/** @throws {UploadUnknownError} when the mark is not among them */
function statusOf(id: string, objects: readonly StoredObject[]): UploadStatus {
  const isBegun = objects.some(({ key }) => key.endsWith("/begun"));
  const [status] = isBegun ? summaryOf(objects) : [];
  if (status === undefined) throw unknown(id);
  return status;
}

/** Of the objects of one upload; empty when there is none. */
function summaryOf(objects: readonly StoredObject[]): readonly UploadStatus[] {
  const [first] = objects;
  if (first === undefined) return [];
  return [
    {
      id: idOf(first.key),
      sizeBytes: objects.reduce((total, { sizeBytes }) => total + sizeBytes, 0),
      changedAtMs: Math.max(...objects.map(({ changedAtMs }) => changedAtMs)),
    },
  ];
}
