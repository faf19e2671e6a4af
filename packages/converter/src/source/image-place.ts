import type { Repository } from "@sluice/oci";

/** An image in a repository, and how the user named it. */
export interface ImagePlace {
  readonly repository: Repository;
  /** Tag or digest. */
  readonly target: string;
  /** For results and messages. */
  readonly reference: string;
}
