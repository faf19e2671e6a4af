import type { CredentialSource } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import type { Logger } from "pino";
import { defaultMaxFailures } from "./access/attempts.js";
import type { AccessConfig } from "./access/gatekeeper.js";
import type { SecretCost } from "./access/secrets.js";
import { startConversions } from "./conversion-service.js";
import { purgeDeleted } from "./deleted/purge.js";
import type { EventListener } from "./events/registry-event.js";
import { collectGarbage, defaultGraceMs } from "./garbage/collect-garbage.js";
import { createApp } from "./http/app.js";
import type { ConnectionLimits } from "./http/connections.js";
import { isLoopback, parseListenAddress, urlOf } from "./http/listen-address.js";
import { ServerMetrics } from "./http/metrics.js";
import type { RegistryPlaces } from "./http/places.js";
import { Tls, type TlsFiles } from "./http/tls.js";
import type { MetadataStore } from "./metadata/metadata-store.js";
import { openRegistry } from "./open-registry.js";
import type { SharedStorage } from "./open-stores.js";
import { Opened } from "./opened.js";
import type { ConversionsConfig } from "./operations/conversions-config.js";
import { repeat } from "./repeat.js";
import type { UploadLimits } from "./uploads/upload-limits.js";
import { idleUploadMs } from "./uploads/uploads.js";
import type { Upstream } from "./upstream/upstream.js";
import { Deliveries } from "./webhooks/deliveries.js";

export interface ServerOptions {
  /** Absolute path of the data root; the registry's files go below it. One server per root. */
  readonly root: string;
  /** Keep nothing below the root, but where any number of processes share it. */
  readonly shared?: SharedStorage | undefined;
  /** `HOST:PORT`; port 0 picks one. */
  readonly listen: string;
  readonly log: Logger;
  /** Default: {@link defaultUploadLimits}. */
  readonly limits?: Partial<UploadLimits> | undefined;
  /** What clients may make it hold open. Default: {@link connectionLimits}. */
  readonly connections?: Partial<ConnectionLimits> | undefined;
  /** What they may do who do not log in, once there are accounts. Default: nothing. */
  readonly anonymous?: "none" | "read" | undefined;
  /** Wrong passwords from one address in a minute, before it must wait. Default: {@link defaultMaxFailures}. */
  readonly maxLoginFailures?: number | undefined;
  /** Of hashing the passwords that are made. Default: {@link defaultSecretCost}. */
  readonly secretCost?: SecretCost | undefined;
  /** Serve everybody everything beyond this machine, too, while there are no accounts. */
  readonly allowOpen?: boolean | undefined;
  /** Default: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** `https://HOST`, as clients reach the registry when something stands in front of it. Default: as each of them names it. */
  readonly publicUrl?: string | undefined;
  /** Proxies in front: addresses and ranges (`10.0.0.0/8`), whose `X-Forwarded-For` says who the client is. Default: nobody is believed. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Let imports and webhooks reach private addresses, and this machine. Default: while only this machine can reach the registry. */
  readonly allowPrivate?: boolean | undefined;
  /** Write a line into the log for each request. Default: none. */
  readonly accessLog?: boolean | undefined;
  /** Told of every push and deletion. */
  readonly onEvent?: EventListener | undefined;
  /** Other registries, whose images are converted where they are. Each process of a registry is told the same. */
  readonly upstreams?: readonly Upstream[] | undefined;
  /** Accounts there. Default: what `docker login` left for the user that runs the registry. */
  readonly upstreamCredentials?: CredentialSource | undefined;
  /** How often active repositories of other registries are looked at. Milliseconds. Default: {@link defaultUpstreamPollMs}. */
  readonly upstreamPollMs?: number | undefined;
  /** Whether images are converted, asked or by itself. Default: true. AS34 */
  readonly streaming?: boolean | undefined;
  /** How this process converts; with a `concurrency` of 0 others do. */
  readonly conversions?: Partial<ConversionsConfig> | undefined;
}

/** A registry that answers. */
export interface RegistryServer extends AsyncDisposable {
  /** `http://HOST:PORT`, with the port that was picked. */
  readonly url: string;
  /** Uses the certificate and key that are in their files now; connections that are open keep theirs. Without TLS: nothing. */
  reload(): Promise<void>;
  /** Lets what is in flight end, then stops. Again: nothing. */
  close(): Promise<void>;
}

/** It would be open to everybody who reaches it. */
export class OpenRegistryError extends Error {
  override readonly name = "OpenRegistryError";
  readonly code = "REGISTRY_OPEN";
}

/** How long a stop waits for answers in flight. Service managers kill after 90 s; a person waits less. Milliseconds. */
const graceMs = 10_000;
/** How often abandoned uploads are looked for. Milliseconds. */
const sweepMs = 10 * 60 * 1000;
/** How often changes are told again that a listener did not take, and how old they are then. Milliseconds. */
const untoldMs = 60_000;
/** For how long operations that ended are remembered, in milliseconds, and how many of them at most. */
const rememberMs = 30 * 24 * 60 * 60 * 1000;
const maxRemembered = 10_000;
/** A request for each tag: registries that notify us are asked less. Milliseconds. */
const defaultUpstreamPollMs = 60_000;
/** Of what was done to the registry. */
const keptActivities = 10_000;
/** How often garbage is collected, and how long after a start for the first time: who restarts it each few hours has garbage, too. Milliseconds. */
const collectMs = 6 * 60 * 60 * 1000;
const firstCollectMs = 10 * 60 * 1000;

/**
 * Starts a registry on the files below `options.root`.
 * @throws {ListenAddressError} {RootInUseError} {OpenRegistryError} and whatever the system says about the port or the folder
 */
export async function createServer(options: ServerOptions): Promise<RegistryServer> {
  const { log } = options;
  const { host, port } = parseListenAddress(options.listen);
  const opened = new Opened();
  try {
    const isLocal = isLoopback(host) && isLoopback(new URL(options.publicUrl ?? "http://localhost").hostname);
    const access = accessOf(options, isLocal);
    const allowPrivate = options.allowPrivate ?? isLocal;
    const registry = opened.add(await openRegistry({ ...options, access, allowPrivate }));
    const { places } = registry;
    const isOpen = !(await places.accounts.exist());
    if (isOpen && access.openWithoutAccounts === "nobody")
      throw openBeyondLoopback(options.publicUrl ?? options.listen);
    const tls = options.tls && opened.add(await Tls.open(options.tls, log));
    const { connections, trustedProxies, accessLog } = options;
    const serverMetrics = new ServerMetrics(() => places.uploads.count());
    const app = await createApp(places, serverMetrics, log, { tls, connections, trustedProxies, accessLog });
    opened.add({ [Symbol.asyncDispose]: () => app.close(graceMs) });
    opened.add(places.imports);
    const url = urlOf({ host, port: await app.listen(host, port) }, tls === undefined ? "http" : "https");
    for (const work of chores(places, log)) opened.add(work);
    opened.add(new Deliveries({ ...places, queue: places.deliveryQueue }, log));
    const converts = options.streaming !== false && options.conversions?.concurrency !== 0;
    if (converts) opened.add(await startConversions(registry, { ...options, allowPrivate }));
    if (options.streaming !== false) places.watch.start(options.upstreamPollMs ?? defaultUpstreamPollMs);
    log.info({ url, root: options.root }, "registry listens");
    if (!isLocal) warnOfExposure({ url, isOpen, isPlain: tls === undefined }, log);
    const close = (): Promise<void> => opened.close();
    return { url, reload: async () => await tls?.look(), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What a registry does by itself, again and again. */
function chores(
  { activities, deleted, metadata, blobs, uploads, events, operations }: RegistryPlaces,
  log: Logger,
): readonly AsyncDisposable[] {
  return [
    repeat(sweepMs, () => uploads.expire(Date.now() - idleUploadMs), log, "expire uploads"),
    repeat(untoldMs, (signal) => events.tellAgain(untoldMs, signal), log, "tell of changes"),
    repeat(sweepMs, (signal) => activities.prune(keptActivities, signal), log, "forget old events"),
    repeat(
      collectMs,
      (signal) => purgeDeleted(metadata, deleted, signal),
      log,
      "purge what was deleted",
      firstCollectMs,
    ),
    repeat(collectMs, (signal) => collect(metadata, blobs, log, signal), log, "collect garbage", firstCollectMs),
    repeat(
      collectMs,
      (signal) => operations.forget(Date.now() - rememberMs, maxRemembered, signal),
      log,
      "forget operations",
    ),
  ];
}

function accessOf({ allowOpen, anonymous, maxLoginFailures }: ServerOptions, isLocal: boolean): AccessConfig {
  const openTo = isLocal ? "thisMachine" : "nobody";
  return {
    anonymous: anonymous ?? "none",
    maxFailures: maxLoginFailures ?? defaultMaxFailures,
    openWithoutAccounts: allowOpen === true ? "everybody" : openTo,
  };
}

const openBeyondLoopback = (listen: string): OpenRegistryError =>
  new OpenRegistryError(
    `${listen} can be reached from other machines, and there are no accounts: everybody could read, write and delete everything. ` +
      "Start on 127.0.0.1, make an administrator (`user create NAME --admin`), and start again; or choose this with --allow-open",
  );

function warnOfExposure(
  { url, isOpen, isPlain }: { readonly url: string; readonly isOpen: boolean; readonly isPlain: boolean },
  log: Logger,
): void {
  if (isOpen) log.warn({ url }, "no accounts: whoever reaches this port may read, write and delete everything");
  if (isPlain) {
    log.warn({ url }, "no TLS: passwords and content cross the network readable, unless a proxy in front has it");
  }
}

async function collect(metadata: MetadataStore, blobs: BlobStore, log: Logger, signal: AbortSignal): Promise<void> {
  const collection = await collectGarbage(metadata, blobs, { graceMs: defaultGraceMs, dryRun: false, signal });
  if (collection.unlinkedBlobs + collection.removedBlobs > 0) log.info(collection, "collected garbage");
}
