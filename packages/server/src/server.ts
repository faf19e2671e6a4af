import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { FileSystemBlobStore, FileSystemUploadStore } from "@sluice/store";
import type { Logger } from "pino";
import { removeOrphans } from "./garbage/collect-garbage.js";
import { createApp } from "./http/app.js";
import { isLoopback, parseListenAddress, urlOf } from "./http/listen-address.js";
import { ServerMetrics } from "./http/metrics.js";
import { LevelMetadataStore } from "./metadata/level-metadata-store.js";
import { defaultUploadLimits, type UploadLimits } from "./uploads/upload-limits.js";
import { idleUploadMs, Uploads } from "./uploads/uploads.js";

export interface ServerOptions {
  /** Absolute path of the data root; the registry's files go below it. One server per root. */
  readonly root: string;
  /** `HOST:PORT`; port 0 picks one. */
  readonly listen: string;
  readonly log: Logger;
  /** Default: {@link defaultUploadLimits}. */
  readonly limits?: Partial<UploadLimits> | undefined;
}

/** A registry that answers. */
export interface RegistryServer extends AsyncDisposable {
  /** `http://HOST:PORT`, with the port that was picked. */
  readonly url: string;
  /** Lets what is in flight end, then stops. Again: nothing. */
  close(): Promise<void>;
}

/** Another server has the data root open. */
export class RootInUseError extends Error {
  override readonly name = "RootInUseError";
  readonly code = "ROOT_IN_USE";
  readonly root: string;
  constructor(root: string, options?: ErrorOptions) {
    super(`another registry uses ${root}; stop it or choose another data root`, options);
    this.root = root;
  }
}

/** How long a stop waits for answers in flight. Service managers kill after 90 s; a person waits less. Milliseconds. */
const graceMs = 10_000;
/** How often abandoned uploads are looked for. Milliseconds. */
const sweepMs = 10 * 60 * 1000;

/**
 * Starts a registry on the files below `options.root`.
 * @throws {ListenAddressError} {RootInUseError} and whatever the system says about the port or the folder
 */
export async function createServer(options: ServerOptions): Promise<RegistryServer> {
  const { host, port } = parseListenAddress(options.listen);
  const folder = join(options.root, "registry");
  const opened = new Opened();
  try {
    const metadata = opened.add(await openMetadata(folder, options.root));
    const blobs = await FileSystemBlobStore.open(join(folder, "blobs"));
    const removed = await removeOrphans(metadata, blobs, { graceMs: 0, dryRun: false }); // nobody pushes yet
    if (removed.removedBlobs > 0) options.log.info(removed, "removed blobs that no repository holds");
    const store = await FileSystemUploadStore.open(join(folder, "blobs/uploads"), blobs);
    const uploads = await Uploads.open(store, blobs, metadata, { ...defaultUploadLimits, ...options.limits });
    const app = createApp({ metadata, blobs, uploads }, new ServerMetrics(() => uploads.count()), options.log);
    opened.add({ [Symbol.asyncDispose]: () => app.close(graceMs) });
    const url = urlOf({ host, port: await app.listen(host, port) });
    opened.add(sweepEvery(sweepMs, uploads, options.log));
    options.log.info({ url, root: options.root }, "registry listens");
    if (!isLoopback(host)) {
      options.log.warn(
        { url },
        "no TLS and no login yet: whoever reaches this port may read, write and delete everything",
      );
    }
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

function sweepEvery(intervalMs: number, uploads: Uploads, log: Logger): AsyncDisposable {
  const timer = setInterval(() => {
    uploads
      .expire(Date.now() - idleUploadMs)
      .catch((error: unknown) => log.warn({ err: error }, "cannot remove an abandoned upload"));
  }, intervalMs);
  timer.unref();
  return { [Symbol.asyncDispose]: async () => clearInterval(timer) };
}

async function openMetadata(folder: string, root: string): Promise<LevelMetadataStore> {
  await mkdir(join(folder, "metadata"), { recursive: true });
  try {
    return await LevelMetadataStore.open(join(folder, "metadata"));
  } catch (error) {
    if (isLocked(error)) throw new RootInUseError(root, { cause: error });
    throw error;
  }
}

function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
}
