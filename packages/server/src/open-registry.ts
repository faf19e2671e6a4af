import { addressRule, type CredentialSource } from "@sluice/oci";
import type { Logger } from "pino";
import { Accounts } from "./access/accounts.js";
import { BearerTokens } from "./access/bearer-tokens.js";
import { type AccessConfig, Gatekeeper } from "./access/gatekeeper.js";
import type { SecretCost } from "./access/secrets.js";
import { DeletedImages } from "./deleted/deleted-images.js";
import { ActivityLog } from "./events/activity-log.js";
import { EventOutbox } from "./events/event-outbox.js";
import type { EventListener } from "./events/registry-event.js";
import { Quota } from "./garbage/quota.js";
import type { RegistryPlaces } from "./http/places.js";
import { Imports } from "./import/imports.js";
import type { MetadataStore } from "./metadata/metadata-store.js";
import { openFiles, openShared, type SharedStorage } from "./open-stores.js";
import { Opened } from "./opened.js";
import { autoConvert } from "./operations/auto-convert.js";
import { Operations } from "./operations/operations.js";
import { ownImages } from "./operations/own-images.js";
import { RepositoryStreamings } from "./operations/repository-streaming.js";
import { StoredImages } from "./operations/stored-images.js";
import { parseRepositoryName } from "./registry/repository-name.js";
import { defaultUploadLimits, type UploadLimits } from "./uploads/upload-limits.js";
import { Uploads } from "./uploads/uploads.js";
import { SeenImages } from "./upstream/seen-images.js";
import { InvalidUpstreamError, type Upstream } from "./upstream/upstream.js";
import { UpstreamWatch } from "./upstream/upstream-watch.js";
import { Upstreams } from "./upstream/upstreams.js";
import { DeliveryQueue } from "./webhooks/delivery-queue.js";
import { Notices } from "./webhooks/notices.js";
import { Webhooks } from "./webhooks/webhooks.js";

export interface OpenRegistryOptions {
  /** Absolute path of the data root; the registry's files go below it. One process per root, unless what it keeps is shared. */
  readonly root: string;
  /** Keep nothing below the root, but where any number of processes share it. */
  readonly shared?: SharedStorage | undefined;
  readonly log: Logger;
  /** Default: {@link defaultUploadLimits}. */
  readonly limits?: Partial<UploadLimits> | undefined;
  readonly access: AccessConfig;
  /** Of passwords that are made. Default: {@link defaultSecretCost}. */
  readonly secretCost?: SecretCost | undefined;
  /** As clients reach the registry; undefined: as each of them names it. */
  readonly publicUrl?: string | undefined;
  /** Let imports and webhooks reach private addresses, and this machine. */
  readonly allowPrivate: boolean;
  /** Other registries, whose images are converted where they are. Each process of a registry is told the same. */
  readonly upstreams?: readonly Upstream[] | undefined;
  /** Accounts there. Default: what `docker login` left for the user that runs the registry. */
  readonly upstreamCredentials?: CredentialSource | undefined;
  /** Whether images are converted. Default: true. */
  readonly streaming?: boolean | undefined;
  /** Told of every push and deletion. */
  readonly onEvent?: EventListener | undefined;
}

/** All that a process of a registry works with, whether it serves, converts, or both. Every listener for events is added here: any process may tell of any. */
export interface OpenRegistry extends AsyncDisposable {
  readonly places: RegistryPlaces;
  /** Other processes use it at the same time. */
  readonly isShared: boolean;
}

/** @throws {RootInUseError} */
export async function openRegistry(options: OpenRegistryOptions): Promise<OpenRegistry> {
  const { root, shared, log, publicUrl } = options;
  const opened = new Opened();
  const stores = opened.add(await (shared === undefined ? openFiles(root) : openShared(shared)));
  try {
    const { metadata, blobs, isShared } = stores;
    const { records } = metadata;
    const quota = new Quota({ records, metadata, blobs });
    const limits = { ...defaultUploadLimits, ...options.limits };
    const uploads = await Uploads.open(stores.uploads, blobs, metadata, limits, quota);
    if (!isShared) await uploads.endUnclaimed();
    const accounts = new Accounts(records, options.secretCost);
    const tokens = await BearerTokens.open(records);
    const gatekeeper = new Gatekeeper(accounts, tokens, options.access);
    const events = new EventOutbox(records, log);
    const deleted = new DeletedImages(records);
    const addresses = addressRule({ allowPrivate: options.allowPrivate });
    const upstreams = opened.add(
      new Upstreams(options.upstreams ?? [], { addresses, credentials: options.upstreamCredentials }),
    );
    await refuseShadows(metadata, upstreams);
    const images = new StoredImages(
      (repository) => upstreams.open(repository) ?? ownImages({ metadata, blobs, events, deleted }, repository),
    );
    const [operations, streamings] = [
      new Operations(records),
      new RepositoryStreamings(records, options.streaming ?? true),
    ];
    events.listen(autoConvert({ images, operations, streamings }));
    const seen = new SeenImages(records);
    const watch = opened.add(new UpstreamWatch({ upstreams, streamings, operations, images, seen }, log));
    const webhooks = new Webhooks(records);
    const deliveryQueue = new DeliveryQueue(records);
    const notices = new Notices(metadata, webhooks, deliveryQueue);
    events.listen(async ({ action, repository }) =>
      action === "push" ? await quota.remark(parseRepositoryName(repository)) : undefined,
    );
    const activities = new ActivityLog(records);
    events.listen((event) => activities.noteEvent(event));
    events.listen((event) => notices.note(event));
    if (options.onEvent !== undefined) events.listen(options.onEvent);
    if (!isShared) await events.tellAgain(0);
    const imports = new Imports({ events, deleted, metadata, blobs, uploads }, addresses, log);
    const kept = { metadata, blobs, uploads, quota, events, activities, deleted, images };
    const streaming = { operations, streamings, upstreams, watch };
    const outgoing = { imports, webhooks, notices, deliveryQueue, addresses };
    const { snapshots } = stores;
    const places = { ...kept, ...streaming, ...outgoing, snapshots, accounts, tokens, gatekeeper, publicUrl };
    return { places, isShared, [Symbol.asyncDispose]: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What is kept here under the name of an upstream could not be reached any more. @throws {InvalidUpstreamError} */
async function refuseShadows(metadata: MetadataStore, upstreams: Upstreams): Promise<void> {
  for (const prefix of upstreams.prefixes) {
    const [next = ""] = await metadata.repositories({ after: `${prefix}/`, limit: 1 });
    if (!next.startsWith(`${prefix}/`)) continue;
    throw new InvalidUpstreamError(`upstream ${prefix}: this registry itself holds ${next}; choose another prefix`);
  }
}
