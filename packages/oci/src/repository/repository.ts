import type { AbortOptions } from "../abort-options.js";
import type { ByteRange } from "../bytes/byte-range.js";
import type { Descriptor } from "../descriptor.js";
import type { Digest } from "../digest/digest.js";
import type { Manifest } from "../manifest.js";

/** Content by name and length. Every {@link Descriptor} is one. */
export interface BlobName {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Gives the bytes of a blob from the start, each time it is called: a failed upload begins again. */
export type BlobContent = () => AsyncIterable<Uint8Array>;

export interface PushManifestOptions extends AbortOptions {
  /** Also points this tag at the manifest. */
  readonly tag?: string | undefined;
}

export interface ReadRangeOptions extends AbortOptions {
  /** Requests in all when the medium fails in a way that may pass, the first included. Default: as the medium is set up. 1 for callers who try again themselves. */
  readonly attempts?: number | undefined;
}

export interface ReferrersOptions extends AbortOptions {
  /** Only referrers of this type. */
  readonly artifactType?: string | undefined;
}

/** How `referrers` will find a pushed manifest: it names no subject, the registry lists it itself, or we wrote the fallback tag. */
export type SubjectListing = "no-subject" | "by-registry" | "by-tag";

export interface PushedManifest {
  readonly descriptor: Descriptor;
  readonly subjectListing: SubjectListing;
}

/**
 * Manifests and blobs under one name: a repository of a registry, or an OCI image layout. Safe for concurrent use.
 *
 * Every call takes the signal last and rejects with the signal's own reason once it fires. A name that is not there rejects with an error
 * whose `code` is `NOT_FOUND` (see `isNotFound`). Nothing is cached: a call sees what others pushed before it.
 * Whoever opened it disposes it; it never closes what it was handed.
 */
export interface Repository extends AsyncDisposable {
  /** How people name it: `host/repo` or `oci:dir`. Goes into messages. */
  readonly name: string;

  /** The descriptor of the manifest that a tag or digest names; media type, digest and size, nothing more. Costs no body where the registry allows. */
  resolve(target: string, options?: AbortOptions): Promise<Descriptor>;

  /**
   * The manifest or index of a tag or digest: verified against the digest, bounded to 4 MiB, checked and typed.
   *
   * @throws {InvalidDocumentError} {UnsupportedMediaTypeError} {DigestMismatchError}
   */
  getManifest(target: string, options?: AbortOptions): Promise<Manifest>;

  /** Bytes of a blob, or undefined when it is not there. Answers whether a push can be skipped. */
  blobSize(digest: Digest, options?: AbortOptions): Promise<number | undefined>;

  /**
   * A blob from its first byte to its last, in pieces of any size. Throws before it ends when size or digest are wrong, so the whole
   * is proven and the parts are not. Leaving the loop early closes the source.
   */
  readBlob(blob: BlobName, options?: AbortOptions): AsyncIterable<Uint8Array>;

  /**
   * Exactly the bytes of `range`, in order, in pieces of any size, or an error; never short. Not verified: the caller checks chunks.
   * An empty range yields nothing and asks nobody. Leaving the loop early closes the source.
   */
  readBlobRange(digest: Digest, range: ByteRange, options?: ReadRangeOptions): AsyncIterable<Uint8Array>;

  /** The bytes that were read of this blob were not those of its name: if there is another place to read it from, read it there for a while. */
  doubt?(digest: Digest): void;

  /** Stores a blob whose name is known. Nothing is visible before all of it is there and right. Pushing what is there already is no error. */
  pushBlob(blob: BlobName, content: BlobContent, options?: AbortOptions): Promise<void>;

  /** Stores bytes as they come, without knowing their number, and answers their name. Holds a bounded part of them in memory. */
  pushBlobStream(content: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<BlobName>;

  /**
   * Makes a blob of another repository appear here without moving its bytes. False when that cannot be done (other medium, other registry,
   * refused, not there): then push it.
   */
  mountBlob(blob: BlobName, from: Repository, options?: AbortOptions): Promise<boolean>;

  /**
   * Stores the bytes of a manifest as they are. A manifest with a `subject` is listed by `referrers` of that subject afterwards, also where
   * the registry does not do so itself. The subject need not exist. Push the blobs first.
   */
  pushManifest(manifest: Manifest, options?: PushManifestOptions): Promise<PushedManifest>;

  /** Removes a manifest, the tags that point at it, and its listing among the referrers of its subject. Its blobs stay. */
  deleteManifest(digest: Digest, options?: AbortOptions): Promise<void>;

  /** Tags, in the order of the medium. */
  tags(options?: AbortOptions): AsyncIterable<string>;

  /** Manifests whose subject is `subject`, with artifact type and annotations. Empty when there are none, also when the subject is unknown. */
  referrers(subject: Digest, options?: ReferrersOptions): Promise<readonly Descriptor[]>;
}
