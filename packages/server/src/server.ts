import { addressRule } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import type { Logger } from "pino";
import { Accounts } from "./access/accounts.js";
import { defaultMaxFailures } from "./access/attempts.js";
import { BearerTokens } from "./access/bearer-tokens.js";
import { Gatekeeper } from "./access/gatekeeper.js";
import { EventOutbox } from "./events/event-outbox.js";
import type { EventListener } from "./events/registry-event.js";
import { collectGarbage, defaultGraceMs, removeOrphans } from "./garbage/collect-garbage.js";
import { createApp } from "./http/app.js";
import { isLoopback, parseListenAddress, urlOf } from "./http/listen-address.js";
import { ServerMetrics } from "./http/metrics.js";
import { Tls, type TlsFiles } from "./http/tls.js";
import { Imports } from "./import/imports.js";
import type { MetadataStore } from "./metadata/metadata-store.js";
import { openFiles, openShared, type SharedStorage } from "./open-stores.js";
import { defaultUploadLimits, type UploadLimits } from "./uploads/upload-limits.js";
import { idleUploadMs, Uploads } from "./uploads/uploads.js";

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
  /** What they may do who do not log in, once there are accounts. Default: nothing. */
  readonly anonymous?: "none" | "read" | undefined;
  /** Wrong passwords from one address in a minute, before it must wait. Default: {@link defaultMaxFailures}. */
  readonly maxLoginFailures?: number | undefined;
  /** Serve everybody everything beyond this machine, too, while there are no accounts. */
  readonly allowOpen?: boolean | undefined;
  /** Default: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** `https://HOST`, as clients reach the registry when something stands in front of it. Default: as each of them names it. */
  readonly publicUrl?: string | undefined;
  /** Let imports and webhooks reach private addresses, and this machine. Default: while only this machine can reach the registry. */
  readonly allowPrivate?: boolean | undefined;
  /** Told of every push and deletion. */
  readonly onEvent?: EventListener | undefined;
}

/** A registry that answers. */
export interface RegistryServer extends AsyncDisposable {
  /** `http://HOST:PORT`, with the port that was picked. */
  readonly url: string;
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
/** How often garbage is collected. Milliseconds. */
const collectMs = 6 * 60 * 60 * 1000;

/**
 * Starts a registry on the files below `options.root`.
 * @throws {ListenAddressError} {RootInUseError} {OpenRegistryError} and whatever the system says about the port or the folder
 */
export async function createServer(options: ServerOptions): Promise<RegistryServer> {
  const { host, port } = parseListenAddress(options.listen);
  const opened = new Opened();
  try {
    const stores = opened.add(
      await (options.shared === undefined ? openFiles(options.root) : openShared(options.shared)),
    );
    const { metadata, blobs } = stores;
    if (!stores.isShared) await removeLost(metadata, blobs, options.log);
    const uploads = await Uploads.open(stores.uploads, blobs, metadata, { ...defaultUploadLimits, ...options.limits });
    const accounts = new Accounts(metadata.records);
    const isOpen = !(await accounts.exist());
    if (isOpen && !isLoopback(host) && options.allowOpen !== true) throw openBeyondLoopback(options.listen);
    const tokens = await BearerTokens.open(metadata.records);
    const gatekeeper = new Gatekeeper(accounts, tokens, {
      anonymous: options.anonymous ?? "none",
      maxFailures: options.maxLoginFailures ?? defaultMaxFailures,
      isOpenWithoutAccounts: isLoopback(host) || options.allowOpen === true,
    });
    const events = new EventOutbox(metadata.records, options.log);
    if (options.onEvent !== undefined) events.listen(options.onEvent);
    if (!stores.isShared) await events.tellAgain(0);
    const addresses = addressRule({ allowPrivate: options.allowPrivate ?? isLoopback(host) });
    const imports = new Imports({ events, metadata, blobs, uploads }, addresses, options.log);
    const { publicUrl } = options;
    const places = { events, metadata, blobs, uploads, imports, accounts, tokens, gatekeeper, publicUrl };
    const tls = options.tls && opened.add(await Tls.open(options.tls, options.log));
    const app = await createApp(places, new ServerMetrics(() => uploads.count()), options.log, tls);
    opened.add({ [Symbol.asyncDispose]: () => app.close(graceMs) });
    opened.add(imports);
    const url = urlOf({ host, port: await app.listen(host, port) }, tls === undefined ? "http" : "https");
    opened.add(repeat(sweepMs, () => uploads.expire(Date.now() - idleUploadMs), options.log, "expire uploads"));
    opened.add(repeat(untoldMs, (signal) => events.tellAgain(untoldMs, signal), options.log, "tell of changes"));
    opened.add(
      repeat(collectMs, (signal) => collect(metadata, blobs, options.log, signal), options.log, "collect garbage"),
    );
    options.log.info({ url, root: options.root }, "registry listens");
    if (!isLoopback(host)) warnOfExposure({ url, isOpen, isPlain: tls === undefined }, options.log);
    return { url, close: () => opened.close(), [Symbol.asyncDispose]: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What was opened, in order; closed from the last to the first, once. */
class Opened {
  readonly #things: AsyncDisposable[] = [];
  #closed: Promise<void> | undefined;

  add<T extends AsyncDisposable>(thing: T): T {
    this.#things.push(thing);
    return thing;
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    for (const thing of this.#things.toReversed()) await thing[Symbol.asyncDispose]();
  }
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

/** What a process left that died between storing a blob and linking it: nobody pushes yet. */
async function removeLost(metadata: MetadataStore, blobs: BlobStore, log: Logger): Promise<void> {
  const removed = await removeOrphans(metadata, blobs, { graceMs: 0, dryRun: false });
  if (removed.removedBlobs > 0) log.info(removed, "removed blobs that no repository holds");
}

async function collect(metadata: MetadataStore, blobs: BlobStore, log: Logger, signal: AbortSignal): Promise<void> {
  const collection = await collectGarbage(metadata, blobs, { graceMs: defaultGraceMs, dryRun: false, signal });
  if (collection.unlinkedBlobs + collection.removedBlobs > 0) log.info(collection, "collected garbage");
}

/** Runs `work` again and again, never twice at once; a stop ends it and waits for that. */
function repeat(
  intervalMs: number,
  work: (signal: AbortSignal) => Promise<unknown>,
  log: Logger,
  what: string,
): AsyncDisposable {
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    try {
      await work(stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) log.warn({ err: error }, `cannot ${what}; it is tried again later`);
    } finally {
      running = undefined;
    }
  };
  const timer = setInterval(() => {
    running ??= run();
  }, intervalMs);
  timer.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}
