import type { ImageReader } from "@sluice/converter";
import type { AbortOptions, ContentDigest, Digest } from "@sluice/oci";
import type { ManifestReference } from "../registry/manifest-reference.js";

/**
 * The images of one repository, wherever it is: all that operations need of them besides converting. Nothing is cached: a call sees what others
 * pushed before it. What is not there rejects as the methods of {@link ImageReader} do.
 */
export interface RepositoryImages extends ImageReader {
  /** Of the manifest that is there under a tag or digest; undefined when there is none. */
  digestOf(reference: ManifestReference, options?: AbortOptions): Promise<ContentDigest | undefined>;

  /** Away with an artifact whose image is gone. That it is gone itself is no error. @param caller for whom, in the log of events */
  removeArtifact(artifact: Digest, caller: string, options?: AbortOptions): Promise<void>;
}
