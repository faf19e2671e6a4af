import { isIPv4 } from "node:net";

/** Whether plain HTTP is allowed for a host. Undecided (undefined) means: loopback hosts are tried over plain HTTP first, others never. */
export type PlainHttp = boolean | ((host: string) => boolean | undefined);

/** Docker Hub's API lives behind another name than its images carry. */
const apiHosts: ReadonlyMap<string, string> = new Map([["docker.io", "registry-1.docker.io"]]);

/** Where a host is asked otherwise than the specification says: for a mirror, or by its `hosts.toml`. */
export interface EndpointSettings {
  /** In the order to try. Default: by the host's name. */
  readonly origins?: readonly URL[] | undefined;
  /** What stands in place of `/v2`. */
  readonly apiPath?: string | undefined;
  /** The registry whose content is asked for, when the host answers for others: told as `ns`. */
  readonly namespace?: string | undefined;
  /** Sent with every request to the origin, never beyond it. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Where the API of a registry is. The one place that knows. */
export class Endpoint {
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #apiPath: string;
  readonly #namespace: string | undefined;
  #origins: readonly URL[];

  constructor(host: string, plainHttp?: PlainHttp, settings: EndpointSettings = {}) {
    this.host = host;
    this.headers = settings.headers ?? {};
    this.#apiPath = settings.apiPath ?? "/v2";
    this.#namespace = settings.namespace;
    this.#origins = settings.origins ?? originsOf(host, plainHttp);
  }

  /** The address of a request: a path below `/v2/`, or an address that the host gave itself. */
  urlOf(target: string | URL, origin: URL): URL {
    const isPath = typeof target === "string" && target.startsWith("/v2/");
    const url = new URL(isPath ? `${this.#apiPath}/${target.slice("/v2/".length)}` : target, origin);
    if (this.#namespace !== undefined && url.origin === origin.origin) url.searchParams.set("ns", this.#namespace);
    return url;
  }

  /** The origin to ask. Changes at most once, by {@link settleOn}. */
  get origin(): URL {
    const [first] = this.#origins;
    if (first === undefined) throw new RangeError(`registry ${this.host}: no endpoint`);
    return first;
  }

  /** The origin to try when the first one does not speak our protocol; undefined once an answer has settled it. */
  get alternative(): URL | undefined {
    return this.#origins[1];
  }

  /** This origin answered as a registry does: it is the one from now on. */
  settleOn(origin: URL): void {
    if (this.#origins.length > 1) this.#origins = [origin];
  }
}

function originsOf(host: string, plainHttp: PlainHttp | undefined): readonly URL[] {
  const allowed = typeof plainHttp === "function" ? plainHttp(host) : plainHttp;
  const apiHost = apiHosts.get(host) ?? host;
  return schemesFor(host, allowed).map((scheme) => new URL(`${scheme}://${apiHost}`));
}

function schemesFor(host: string, plainHttp: boolean | undefined): readonly string[] {
  if (plainHttp !== undefined) return [plainHttp ? "http" : "https"];
  return isLoopback(host) ? ["http", "https"] : ["https"];
}

/** The name under which credentials for a host of the API are kept. */
export function credentialHostOf(apiHost: string): string {
  for (const [host, api] of apiHosts) if (api === apiHost) return host;
  return apiHost;
}

/** Whether `HOST[:PORT]` names this machine itself. */
export function isLoopback(host: string): boolean {
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d+$/, "");
  return (
    name === "localhost" || name.endsWith(".localhost") || name === "::1" || (isIPv4(name) && name.startsWith("127."))
  );
}
