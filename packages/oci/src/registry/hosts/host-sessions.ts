import type { RetryConfig } from "../config.js";
import type { CredentialSource } from "../credentials.js";
import { credentialHostOf, type EndpointSettings, type PlainHttp } from "../endpoint.js";
import { RegistrySession } from "../session.js";
import type { HostRouting } from "./host-routing.js";
import { type HostCapability, type HostSettings, plainServer } from "./host-settings.js";
import { HostTransports, type HostTransportsOptions } from "./host-transports.js";
import { MirrorHealth } from "./mirror-health.js";

export interface HostSessionsOptions extends HostTransportsOptions {
  readonly routing: HostRouting;
  /** Asked for each host by its own name: what one host is told, no other learns. */
  readonly credentials: CredentialSource;
  readonly retry: RetryConfig;
  readonly plainHttp?: PlainHttp | undefined;
}

/** A host that stands before the registry. */
export interface Mirror {
  /** Its address, for people. */
  readonly name: string;
  readonly session: RegistrySession;
  readonly capabilities: ReadonlySet<HostCapability>;
  readonly health: MirrorHealth;
}

/** Whom to ask for a registry: the mirrors in order, then its server. */
export interface SessionRoutes {
  readonly mirrors: readonly Mirror[];
  readonly server: RegistrySession;
}

/** Settings count this long: then they are read again. Milliseconds. */
const settingsLifeMs = 5_000;

/** The conversations with the hosts of each registry. They go on, with their tokens and what was learnt of a mirror, for as long as their settings stay the same. */
export class HostSessions {
  readonly #options: HostSessionsOptions;
  readonly #transports: HostTransports;
  readonly #routes = new Map<string, { readonly routes: Promise<SessionRoutes>; readonly untilMs: number }>();
  readonly #mirrors = new Map<string, Mirror>();
  readonly #servers = new Map<string, RegistrySession>();

  constructor(options: HostSessionsOptions) {
    this.#options = options;
    this.#transports = new HostTransports(options);
  }

  /** @param host as a reference names it */
  of(host: string, nowMs: number = performance.now()): Promise<SessionRoutes> {
    const known = this.#routes.get(host);
    if (known !== undefined && nowMs < known.untilMs) return known.routes;
    const routes = this.#read(host);
    this.#routes.set(host, { routes, untilMs: nowMs + settingsLifeMs });
    return routes;
  }

  close(): Promise<void> {
    return this.#transports.close();
  }

  async #read(host: string): Promise<SessionRoutes> {
    const { mirrors = [], server = plainServer } = (await this.#options.routing.routesOf(host)) ?? {};
    const found = await Promise.all(mirrors.map((settings) => this.#mirror(host, settings)));
    return { mirrors: found.filter((mirror) => mirror !== undefined), server: await this.#server(host, server) };
  }

  /** Undefined when its files cannot be read. */
  async #mirror(host: string, settings: HostSettings): Promise<Mirror | undefined> {
    const { origin, capabilities } = settings;
    if (origin === undefined) return undefined;
    try {
      const transport = await this.#transports.of(settings, "mirror");
      const key = keyOf(host, settings);
      const known = this.#mirrors.get(key);
      if (known?.session.transport === transport) return known;
      const session = this.#session(credentialHostOf(origin.host), transport, endpointOf(host, settings), {
        ...this.#options.retry,
        maxAttempts: 1, // the next host is the second attempt
      });
      const mirror = { name: origin.host, session, capabilities, health: known?.health ?? new MirrorHealth() };
      this.#mirrors.set(key, mirror);
      return mirror;
    } catch (error) {
      this.#options.routing.onProblem(unusable(`mirror ${origin.host} of ${host} is not asked`, error));
      return undefined;
    }
  }

  async #server(host: string, settings: HostSettings): Promise<RegistrySession> {
    const transport = await this.#transports.of(settings, "server").catch((error: unknown) => {
      this.#options.routing.onProblem(unusable(`registry ${host} is asked without its certificates`, error));
      return this.#transports.of(plainServer, "server");
    });
    const key = keyOf(host, settings);
    const known = this.#servers.get(key);
    if (known?.transport === transport) return known;
    const name = settings.origin === undefined ? host : credentialHostOf(settings.origin.host);
    const session = this.#session(name, transport, endpointOf(host, settings), this.#options.retry);
    this.#servers.set(key, session);
    return session;
  }

  #session(
    name: string,
    transport: RegistrySession["transport"],
    endpoint: EndpointSettings,
    retry: RetryConfig,
  ): RegistrySession {
    const { credentials, plainHttp } = this.#options;
    return new RegistrySession(name, { transport, credentials, retry, plainHttp, endpoint });
  }
}

function endpointOf(host: string, { origin, apiPath, headers, caFiles, skipVerify }: HostSettings): EndpointSettings {
  if (origin === undefined) return { headers };
  const isForOthers = credentialHostOf(origin.host) !== host;
  const hasTls = caFiles.length > 0 || skipVerify !== undefined;
  // As containerd: TLS settings for a plain address mean that TLS is meant, port 80 excepted.
  const mayBeTls = origin.protocol === "http:" && hasTls && origin.port !== "";
  const origins = mayBeTls ? [new URL(`https://${origin.host}`), origin] : [origin];
  return { origins, apiPath, headers, namespace: isForOthers ? host : undefined };
}

const keyOf = (host: string, settings: HostSettings): string =>
  JSON.stringify([host, settings, [...settings.capabilities]]);

const unusable = (what: string, error: unknown): Error =>
  new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
