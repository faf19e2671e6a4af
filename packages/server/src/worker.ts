import { hostname } from "node:os";
import type { CredentialSource } from "@sluice/oci";
import type { Logger } from "pino";
import { startConversions } from "./conversion-service.js";
import { openRegistry } from "./open-registry.js";
import type { SharedStorage } from "./open-stores.js";
import { Opened } from "./opened.js";
import type { ConversionsConfig } from "./operations/conversions-config.js";
import type { Upstream } from "./upstream/upstream.js";

export interface WorkerOptions {
  /** Absolute path, for temporary files and the cache of converted layers. */
  readonly root: string;
  readonly shared: SharedStorage;
  readonly log: Logger;
  /** As `serve` is told them. */
  readonly upstreams?: readonly Upstream[] | undefined;
  readonly upstreamCredentials?: CredentialSource | undefined;
  /** Let conversions of upstreams' images reach private addresses. Default: false. */
  readonly allowPrivate?: boolean | undefined;
  readonly conversions?: Partial<ConversionsConfig> | undefined;
}

/** A process that converts for a registry on shared storage, beside any number of others, and serves nobody. Disposing it leaves what runs to them. */
export async function createWorker(options: WorkerOptions): Promise<AsyncDisposable> {
  const opened = new Opened();
  try {
    // Nobody comes in but its own conversions.
    const access = { anonymous: "none", openWithoutAccounts: "nobody", maxFailures: 1 } as const;
    const registry = opened.add(
      await openRegistry({ ...options, access, allowPrivate: options.allowPrivate ?? false }),
    );
    opened.add(await startConversions(registry, options));
    options.log.info({ host: hostname() }, "worker waits for conversions");
    return { [Symbol.asyncDispose]: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
