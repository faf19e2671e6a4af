import type { ContentDigest } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import PQueue from "p-queue";
import type { MetadataStore } from "../metadata/metadata-store.js";
import { artifactOf } from "./manifest-description.js";
import { RegistryError } from "./registry-error.js";
import type { RepositoryName } from "./repository-name.js";

export interface SizePlaces {
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
}

/** Of one manifest, which may name ten thousand blobs, or manifests of 4 MiB each. */
const askedAtOnce = 8;

/**
 * Looks whether blobs and manifests of the repository have the sizes that a manifest says: clients allot by them, and usage counts with them.
 * What is not there is left to whoever stores the manifest.
 * @throws {RegistryError} MANIFEST_INVALID, or MANIFEST_BLOB_UNKNOWN for one whose bytes are lost
 */
export async function checkSizes(
  { blobs, metadata }: SizePlaces,
  repository: RepositoryName,
  manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
): Promise<void> {
  const queue = new PQueue({ concurrency: askedAtOnce });
  const check = async (digest: ContentDigest, sizeBytes: number): Promise<void> => {
    const storedBytes = await blobs.sizeOf(digest, { mayBeRemembered: true });
    if (storedBytes === sizeBytes) return;
    // What other repositories hold is nobody's business here: a blob that is not linked is missing.
    if (!(await metadata.hasBlob(repository, digest))) return;
    const detail = { digests: [digest] };
    if (storedBytes === undefined)
      throw new RegistryError("MANIFEST_BLOB_UNKNOWN", `the bytes of blob ${digest} are lost; push it again`, detail);
    throw lie("blob", digest, sizeBytes, storedBytes);
  };
  const checkChild = async (digest: ContentDigest, sizeBytes: number): Promise<void> => {
    const stored = await metadata.manifest(repository, digest);
    if (stored === undefined || stored.bytes.byteLength === sizeBytes) return;
    throw lie("manifest", digest, sizeBytes, stored.bytes.byteLength);
  };
  const needs = artifactOf(manifest.bytes, manifest.mediaType);
  const checks = [
    ...needs.blobs.map(({ digest, size }) => queue.add(() => check(digest, size))),
    ...needs.manifests.map(({ digest, size }) => queue.add(() => checkChild(digest, size))),
  ];
  await Promise.all(checks).finally(() => queue.clear());
}

function lie(kind: string, digest: ContentDigest, saidBytes: number, storedBytes: number): RegistryError {
  const problem = `the manifest says that ${kind} ${digest} has ${saidBytes} bytes; it has ${storedBytes}`;
  return new RegistryError("MANIFEST_INVALID", problem, { digests: [digest] });
}
