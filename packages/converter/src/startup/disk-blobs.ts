import type { Artifact } from "@sluice/disk/artifact";
import type { Repository } from "@sluice/oci";
import { remoteBlob } from "../source/remote-blob.js";
import type { DiskBlobs } from "./disk-chunk.js";

/** The blobs that an artifact's disk is made of, read from its repository by ranges. */
export const diskBlobs = (repository: Repository, { metadata, layers }: Artifact): DiskBlobs =>
  new Map(
    [metadata, ...layers].map(({ digest, sizeBytes }) => [digest, remoteBlob(repository, { digest, size: sizeBytes })]),
  );
