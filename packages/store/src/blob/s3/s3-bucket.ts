import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import type { AbortOptions } from "@sluice/oci/content";

export interface S3Options {
  readonly bucket: string;
  /** Before every key, such as `registry/`. */
  readonly prefix?: string | undefined;
  /** Of a store that is not AWS: `https://HOST`. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** For how long a request may send and get nothing; default 60 s: the store may think, and who reads a blob may pause. */
  readonly idleMs?: number | undefined;
}

export interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly changedAtMs: number;
}

/** Somebody else has written the object in the meantime. */
export class ObjectExistsError extends Error {
  override readonly name = "ObjectExistsError";
}

/** Until a connection is made. Milliseconds. */
const connectMs = 10_000;
const defaultIdleMs = 60_000;

/** S3 takes no smaller parts of a multipart upload, but for the last. Bytes. */
export const minPartBytes: number = 5 * 1024 * 1024;

/** The objects below a prefix of a bucket. Keys are without the prefix. Credentials come from where the AWS SDK looks: `AWS_ACCESS_KEY_ID` and the rest. */
export class S3Bucket {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(options: S3Options) {
    this.#bucket = options.bucket;
    this.#prefix = options.prefix ?? "";
    this.#client = new S3Client({
      region: options.region ?? "us-east-1",
      ...(options.endpoint !== undefined && { endpoint: options.endpoint, forcePathStyle: true }),
      requestHandler: { connectionTimeout: connectMs, socketTimeout: options.idleMs ?? defaultIdleMs },
      // Stores other than AWS do not know the newer checksums; our own digests cover every byte.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
  }

  close(): void {
    this.#client.destroy();
  }

  /** Bytes; undefined when there is no such object. */
  async sizeOf(key: string, options?: AbortOptions): Promise<number | undefined> {
    options?.signal?.throwIfAborted();
    try {
      const found = await this.#client.send(new HeadObjectCommand(this.#named(key)), sending(options));
      return found.ContentLength ?? 0;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** The bytes from `start` to before `end`, which lie in the object. @returns undefined when there is none */
  async read(
    key: string,
    start: number,
    end: number,
    options?: AbortOptions,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    try {
      const range = `bytes=${start}-${end - 1}`;
      const { Body } = await this.#client.send(
        new GetObjectCommand({ ...this.#named(key), Range: range }),
        sending(options),
      );
      return Body as AsyncIterable<Uint8Array> | undefined; // Node's SDK gives a Readable
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** An address that lets whoever has it read an object, with or without `Range`, for so many seconds. Asks nobody. */
  async linkTo(key: string, lifeSeconds: number): Promise<URL> {
    const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
    const command = new GetObjectCommand({ ...this.#named(key), ResponseContentType: "application/octet-stream" });
    return new URL(await getSignedUrl(this.#client, command, { expiresIn: lifeSeconds }));
  }

  /** @throws {ObjectExistsError} with `isNew`, when it is there */
  async put(key: string, bytes: Uint8Array, isNew = false, options?: AbortOptions): Promise<void> {
    try {
      const condition = isNew ? { IfNoneMatch: "*" } : {};
      await this.#client.send(
        new PutObjectCommand({ ...this.#named(key), Body: bytes, ...condition }),
        sending(options),
      );
    } catch (error) {
      if (statusOf(error) === 412) throw new ObjectExistsError(`${key} is there already`, { cause: error });
      throw error;
    }
  }

  /** Again: nothing. */
  async delete(key: string, options?: AbortOptions): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#named(key)), sending(options));
  }

  /** By key, those that begin with `prefix`. */
  async *list(prefix: string, options?: AbortOptions): AsyncGenerator<StoredObject> {
    for (let token: string | undefined; ; ) {
      options?.signal?.throwIfAborted();
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: this.#prefix + prefix,
          ...(token !== undefined && { ContinuationToken: token }),
        }),
        sending(options),
      );
      for (const { Key = "", Size = 0, LastModified } of page.Contents ?? []) {
        yield { key: Key.slice(this.#prefix.length), sizeBytes: Size, changedAtMs: LastModified?.getTime() ?? 0 };
      }
      token = page.NextContinuationToken;
      if (token === undefined) return;
    }
  }

  /** Makes an object of parts, visible when all of them are there. Each but the last has {@link minPartBytes}. Nothing stays when `parts` throws. */
  async assemble(key: string, parts: AsyncIterable<Part>): Promise<void> {
    const begun = await this.#client.send(new CreateMultipartUploadCommand(this.#named(key)));
    const upload = { ...this.#named(key), UploadId: begun.UploadId };
    try {
      const done: { ETag: string | undefined; PartNumber: number }[] = [];
      for await (const part of parts) {
        const PartNumber = done.length + 1;
        done.push({ ETag: await this.#addPart({ ...upload, PartNumber }, part), PartNumber });
      }
      await this.#client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: done } }));
    } catch (error) {
      await this.#client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined); // the first error counts
      throw error;
    }
  }

  async #addPart(
    upload: { Bucket: string; Key: string; UploadId: string | undefined; PartNumber: number },
    part: Part,
  ): Promise<string | undefined> {
    if (part instanceof Uint8Array)
      return (await this.#client.send(new UploadPartCommand({ ...upload, Body: part }))).ETag;
    const CopySource = `${this.#bucket}/${encodeURI(this.#prefix + part.copyOf)}`;
    return (await this.#client.send(new UploadPartCopyCommand({ ...upload, CopySource }))).CopyPartResult?.ETag;
  }

  #named(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }
}

/** Bytes, or the whole of another object, which the store copies itself. */
export type Part = Uint8Array | { readonly copyOf: string };

const sending = (options: AbortOptions | undefined): { abortSignal?: AbortSignal } =>
  options?.signal === undefined ? {} : { abortSignal: options.signal };

const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

const isMissing = (error: unknown): boolean => statusOf(error) === 404;
