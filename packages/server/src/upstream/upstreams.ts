import {
  type AddressRule,
  type CredentialSource,
  type Credentials,
  dockerConfigCredentials,
  RegistryClient,
} from "@sluice/oci";
import { RegistryError } from "../registry/registry-error.js";
import { parseRepositoryName, type RepositoryName } from "../registry/repository-name.js";
import type { Upstream, UpstreamPlace } from "./upstream.js";
import { UpstreamRepository } from "./upstream-repository.js";

export interface UpstreamsOptions {
  /** What may be reached, also behind redirects and as token services. */
  readonly addresses: AddressRule;
  /** Default: what `docker login` left for the user that runs the registry. */
  readonly credentials?: CredentialSource | undefined;
}

const connections = 8;
/** Who asks waits: an operation has attempts of its own. */
const retry = { maxAttempts: 3 } as const;

/** The other registries that this one works in front of. A name belongs to one by its first part. */
export class Upstreams implements AsyncDisposable {
  readonly #byPrefix: ReadonlyMap<string, Upstream>;
  readonly #credentials: CredentialSource;
  readonly #client: RegistryClient;

  constructor(upstreams: readonly Upstream[], { addresses, credentials }: UpstreamsOptions) {
    this.#byPrefix = new Map(upstreams.map((upstream) => [upstream.prefix, upstream]));
    this.#credentials = credentials ?? dockerConfigCredentials();
    const plainHttp = new Map(upstreams.map((upstream) => [upstream.host, upstream.plainHttp]));
    this.#client = new RegistryClient({
      ...{ addresses, connections, credentials: this.#credentials, retry },
      plainHttp: (host) => plainHttp.get(host),
    });
  }

  get prefixes(): readonly string[] {
    return [...this.#byPrefix.keys()];
  }

  /** Undefined for a repository of this registry itself. */
  placeOf(repository: string): UpstreamPlace | undefined {
    const slash = repository.indexOf("/");
    const upstream = slash < 0 ? undefined : this.#byPrefix.get(repository.slice(0, slash));
    if (upstream === undefined) return undefined;
    const name = repository.slice(slash + 1);
    return { upstream, repository: upstream.path === "" ? name : `${upstream.path}/${name}` };
  }

  /** The name here of a repository there; undefined when it is none of that upstream's. @throws {RegistryError} NAME_INVALID */
  nameOf(prefix: string, repository: string): RepositoryName | undefined {
    const upstream = this.#byPrefix.get(prefix);
    const above = upstream?.path === "" ? "" : `${upstream?.path}/`;
    if (upstream === undefined || !repository.startsWith(above)) return undefined;
    return parseRepositoryName(`${prefix}/${repository.slice(above.length)}`);
  }

  /** Undefined as {@link placeOf}. */
  open(repository: RepositoryName): UpstreamRepository | undefined {
    const place = this.placeOf(repository);
    if (place === undefined) return undefined;
    return new UpstreamRepository(this.#client.repository(place.upstream.host, place.repository), place);
  }

  /** As who we are there; read anew each time. For conversions, and nobody else. */
  async credentialsOf({ upstream, repository }: UpstreamPlace): Promise<Credentials | undefined> {
    return (await this.#credentials.find(upstream.host, repository)).credentials;
  }

  /** @throws {RegistryError} UNSUPPORTED: what is kept elsewhere is pushed, imported and deleted there */
  demandOwn(repository: string): void {
    const place = this.placeOf(repository);
    if (place === undefined) return;
    const { upstream } = place;
    throw new RegistryError(
      "UNSUPPORTED",
      `${repository} is ${upstream.host}/${place.repository}; push, import and delete there: this registry converts its images and looks at them`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}
