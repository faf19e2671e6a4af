/** What a host may be asked for. `resolve`: what a tag names; `referrers`: what refers to a manifest; `pull`: content by digest. */
export type HostCapability = "pull" | "resolve" | "push" | "referrers";

/** A host that answers for a registry, as containerd's `hosts.toml` describes one. Plain data: files are named, not read. */
export interface HostSettings {
  /** Scheme, host and port; undefined is the registry's own host. */
  readonly origin: URL | undefined;
  /** Path that stands in place of the `/v2` of the distribution specification, without a slash at its end. */
  readonly apiPath: string;
  readonly capabilities: ReadonlySet<HostCapability>;
  /** Absolute paths of PEM files that are trusted besides the system's authorities. */
  readonly caFiles: readonly string[];
  /** Certificates that say who we are, by absolute paths; without a key file the key stands beside the certificate. */
  readonly clientFiles: readonly (readonly [certificate: string, key: string | undefined])[];
  readonly skipVerify: boolean | undefined;
  /** Sent with every request to this host, and to no other. */
  readonly headers: Readonly<Record<string, string>>;
  /** For TCP and TLS. Milliseconds. */
  readonly dialTimeoutMs: number | undefined;
}

/** Who is asked for a registry: the mirrors in order, then its server. */
export interface HostRoutes {
  readonly mirrors: readonly HostSettings[];
  readonly server: HostSettings;
}

const allCapabilities: ReadonlySet<HostCapability> = new Set(["pull", "resolve", "push", "referrers"]);

/** The registry's own host, with nothing said about it. */
export const plainServer: HostSettings = {
  origin: undefined,
  apiPath: "/v2",
  capabilities: allCapabilities,
  caFiles: [],
  clientFiles: [],
  skipVerify: undefined,
  headers: {},
  dialTimeoutMs: undefined,
};

/** A mirror of which only the address is known. @throws {TypeError} if it is no URL */
export const plainMirror = (address: string): HostSettings => ({ ...plainServer, ...placeOf(address, false) });

/**
 * Origin and path of an address, read as containerd does: `https` unless it says otherwise, and `/v2` at the end of the path unless the path
 * overrides it.
 */
export function placeOf(address: string, overridePath: boolean): { readonly origin: URL; readonly apiPath: string } {
  const url = new URL(/^https?:\/\//i.test(address) ? address : `https://${address}`);
  const path = url.pathname.replace(/\/+/g, "/").replace(/\/$/, "");
  return {
    origin: new URL(url.origin),
    apiPath: overridePath || path.endsWith("/v2") ? path : `${path}/v2`,
  };
}
