import type { BlobStore } from "@sluice/store";
import type { Accounts } from "../access/accounts.js";
import type { BearerTokens } from "../access/bearer-tokens.js";
import type { Gatekeeper } from "../access/gatekeeper.js";
import type { Snapshots } from "../backup/snapshots.js";
import type { DeletedImages } from "../deleted/deleted-images.js";
import type { ActivityLog } from "../events/activity-log.js";
import type { EventOutbox } from "../events/event-outbox.js";
import type { Quota } from "../garbage/quota.js";
import type { Imports } from "../import/imports.js";
import type { MetadataStore } from "../metadata/metadata-store.js";
import type { Operations } from "../operations/operations.js";
import type { RepositoryStreamings } from "../operations/repository-streaming.js";
import type { StoredImages } from "../operations/stored-images.js";
import type { Uploads } from "../uploads/uploads.js";
import type { UpstreamWatch } from "../upstream/upstream-watch.js";
import type { Upstreams } from "../upstream/upstreams.js";
import type { WebhookPlaces } from "./api/webhook-routes.js";

/** Where a registry keeps what it is given, and who may have it. */
export interface RegistryPlaces extends WebhookPlaces {
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
  readonly uploads: Uploads;
  readonly quota: Quota;
  readonly imports: Imports;
  readonly events: EventOutbox;
  readonly activities: ActivityLog;
  /** What can be restored. */
  readonly deleted: DeletedImages;
  readonly images: StoredImages;
  readonly operations: Operations;
  /** The other registries whose images are converted, and what looks for new ones there. */
  readonly upstreams: Upstreams;
  readonly watch: UpstreamWatch;
  readonly streamings: RepositoryStreamings;
  /** Undefined where the storage has means of its own for backups. */
  readonly snapshots: Snapshots | undefined;
  readonly accounts: Accounts;
  readonly tokens: BearerTokens;
  readonly gatekeeper: Gatekeeper;
  /** `https://HOST`, as clients reach the registry; undefined: as each of them named it. */
  readonly publicUrl: string | undefined;
}
