import type { RemoteBlob } from "@sluice/disk";
import type { BlobName, Repository } from "@sluice/oci";

/** A blob of a repository, to read sections of by range. */
export function remoteBlob(repository: Repository, { digest, size }: BlobName): RemoteBlob {
  return {
    sizeBytes: size,
    read: async (range, options) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of repository.readBlobRange(digest, range, options)) pieces.push(piece);
      return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
    },
  };
}
