import { contentDiscoveryCases } from "./cases/content-discovery.js";
import { contentManagementCases } from "./cases/content-management.js";
import { pullCases } from "./cases/pull.js";
import { pushBlobCases } from "./cases/push-blobs.js";
import { pushChunkCases } from "./cases/push-chunks.js";
import { pushManifestCases } from "./cases/push-manifests.js";
import type { ConformanceCase } from "./conformance-case.js";

/** In the order of the specification. */
export const allCases: readonly ConformanceCase[] = [
  ...pullCases,
  ...pushBlobCases,
  ...pushChunkCases,
  ...pushManifestCases,
  ...contentDiscoveryCases,
  ...contentManagementCases,
];
