import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { BearerTokens } from "./access/bearer-tokens.js";
import { LentAccess } from "./access/lent-access.js";
import { createApp } from "./http/app.js";
import { ServerMetrics } from "./http/metrics.js";
import type { OpenRegistry } from "./open-registry.js";
import { Opened } from "./opened.js";
import { checkPublished } from "./operations/check-published.js";
import { Conversions } from "./operations/conversions.js";
import { type ConversionsConfig, defaultConversions } from "./operations/conversions-config.js";
import { ProcessRunner } from "./operations/process-runner.js";

export interface ConversionServiceOptions {
  readonly root: string;
  readonly log: Logger;
  /** Whether conversions of other registries' images may reach private addresses. Default: false. */
  readonly allowPrivate?: boolean | undefined;
  readonly conversions?: Partial<ConversionsConfig> | undefined;
  /** Of the converting process; another one in tests. */
  readonly script?: URL | undefined;
}

/** A conversion that ends has nothing to say that is worth waiting for. Milliseconds. */
const graceMs = 1_000;

/**
 * Converts what is queued, in processes that come in by a door of their own: the same registry, on loopback over plain HTTP, for passwords that are lent to one conversion.
 * The public door may want TLS with a name that is not this machine's, and accounts. docs/adr/0022-operations.md
 */
export async function startConversions(
  { places, isShared }: OpenRegistry,
  { root, log, allowPrivate = false, conversions, script }: ConversionServiceOptions,
): Promise<AsyncDisposable> {
  const config: ConversionsConfig = {
    ...defaultConversions,
    worker: `${hostname()}-${process.pid}-${randomUUID()}`,
    ...(!isShared && { leaseMs: 0 }),
    ...conversions,
  };
  const { accounts, uploads, operations } = places;
  const opened = new Opened();
  try {
    const tokens = BearerTokens.temporary();
    const access = new LentAccess(accounts, tokens);
    const door = { ...places, tokens, gatekeeper: access, publicUrl: undefined };
    const app = await createApp(door, new ServerMetrics(() => uploads.count()), log);
    opened.add({ [Symbol.asyncDispose]: () => app.close(graceMs) });
    const runner = new ProcessRunner(
      {
        host: `127.0.0.1:${await app.listen("127.0.0.1", 0)}`,
        folder: join(root, "registry", "conversions"),
        concurrency: config.concurrency,
        ...{ access, uploads, allowPrivate },
        upstreams: places.upstreams,
      },
      script,
    );
    opened.add(new Conversions({ operations, check: checkPublished(places.images), runner, log }, config));
    return { [Symbol.asyncDispose]: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
