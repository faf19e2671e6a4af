import { sha256Of } from "@sluice/oci";
import { readPieces } from "../layer/read-pieces.js";
import type { TemporaryFile } from "../layer/temporary-file.js";
import type { WrittenBlob } from "../layer/write-blob.js";
import type { BlobSource } from "./push-blobs.js";

/** A blob whose bytes are at hand. */
export function inMemory(bytes: Uint8Array): BlobSource {
  const content = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
  return { digest: sha256Of(bytes), sizeBytes: bytes.byteLength, content, from: undefined };
}

/** A blob that was written to a file, which stays open until it is pushed. */
export function inFile(
  { digest, sizeBytes }: Pick<WrittenBlob, "digest" | "sizeBytes">,
  { handle }: Pick<TemporaryFile, "handle">,
): BlobSource {
  return { digest, sizeBytes, content: () => readPieces(handle, 0, sizeBytes), from: undefined };
}
