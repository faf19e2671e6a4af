import type { ContentDigest } from "@sluice/oci/content";

export class BlobMissingError extends Error {
  override readonly name = "BlobMissingError";
  readonly code = "BLOB_MISSING";
  readonly digest: ContentDigest;
  constructor(digest: ContentDigest, where: string, options?: ErrorOptions) {
    super(`blob ${digest} is not in ${where}`, options);
    this.digest = digest;
  }
}

/** The disk, or the quota on it, is full. */
export class NoSpaceError extends Error {
  override readonly name = "NoSpaceError";
  readonly code = "NO_SPACE";
  readonly path: string;
  constructor(path: string, options?: ErrorOptions) {
    super(`${path}: the disk is full; free some space there and try again`, options);
    this.path = path;
  }
}

/** No such upload: it was committed, aborted, or never was. */
export class UploadUnknownError extends Error {
  override readonly name = "UploadUnknownError";
  readonly code = "UPLOAD_UNKNOWN";
}

/** The bytes do not continue the upload. Ask for its status and go on from there. */
export class UploadOffsetError extends Error {
  override readonly name = "UploadOffsetError";
  readonly code = "UPLOAD_OFFSET";
  readonly sizeBytes: number;
  constructor(id: string, offset: number, sizeBytes: number) {
    super(`upload ${id} has ${sizeBytes} bytes; cannot append at ${offset}`);
    this.sizeBytes = sizeBytes;
  }
}

/** Somebody else is writing to the upload. */
export class UploadBusyError extends Error {
  override readonly name = "UploadBusyError";
  readonly code = "UPLOAD_BUSY";
}
