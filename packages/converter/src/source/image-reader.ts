import type { Repository } from "@sluice/oci";

/** What it takes of a repository to look at an image and at what is attached to it. */
export type ImageReader = Pick<Repository, "name" | "getManifest" | "readBlob" | "referrers">;
