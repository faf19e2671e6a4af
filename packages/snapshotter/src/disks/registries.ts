import { join } from "node:path";
import {
  type CredentialSource,
  dockerConfigCredentials,
  firstOf,
  type HostRouting,
  openRepository,
  parseReference,
  RegistryClient,
  type Repository,
  type RequestMeter,
} from "@sluice/oci";
import type { ImageAddress } from "../control/api.js";

/** A reference to an image layout must name an absolute folder: the daemon stands elsewhere than its caller. */
export class RelativeLayoutError extends Error {
  override readonly name = "RelativeLayoutError";
  readonly code = "RELATIVE_LAYOUT";
}

export interface RegistriesOptions {
  readonly onRequest?: RequestMeter | undefined;
  /** Mirrors, and certificates of hosts. */
  readonly routing?: HostRouting | undefined;
  /** Asked after what `docker login` left. */
  readonly credentials?: readonly CredentialSource[] | undefined;
}

/** For documents; here only what a moment cures, and chunks are asked for again by who fetches them. Attempts. */
const maxAttempts = 3;

/** The repositories of addresses. One client, with its connections and tokens, for all addresses that are reached alike. */
export class Registries implements AsyncDisposable {
  readonly #options: RegistriesOptions;
  readonly #clients = new Map<string, RegistryClient>();

  constructor(options: RegistriesOptions = {}) {
    this.#options = options;
  }

  /** Asks nobody yet. @throws {InvalidReferenceError} {RelativeLayoutError} */
  open(address: ImageAddress): Repository {
    const reference = parseReference(address.reference);
    if (reference.kind === "layout" && !reference.directory.startsWith("/")) {
      throw new RelativeLayoutError(`${address.reference}: name the layout's folder from the root, oci:/path`);
    }
    return openRepository(reference, this.#clientFor(address));
  }

  async close(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(clients.map((client) => client.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #clientFor({ plainHttp, dockerConfig }: ImageAddress): RegistryClient {
    const key = JSON.stringify([plainHttp ?? null, dockerConfig ?? null]);
    const known = this.#clients.get(key);
    if (known) return known;
    const files = dockerConfig === undefined ? {} : { files: [join(dockerConfig, "config.json")] };
    const client = new RegistryClient({
      retry: { maxAttempts },
      ...(plainHttp === true && { plainHttp }),
      credentials: firstOf(dockerConfigCredentials(files), ...(this.#options.credentials ?? [])),
      onRequest: this.#options.onRequest,
      routing: this.#options.routing,
    });
    this.#clients.set(key, client);
    return client;
  }
}
