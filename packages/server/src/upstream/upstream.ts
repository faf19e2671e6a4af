import { isRepositoryName } from "@sluice/oci";

/** Another registry, whose images are converted where they are. */
export interface Upstream {
  /** First part of names here: `PREFIX/REPOSITORY` is `REPOSITORY` there. */
  readonly prefix: string;
  /** `HOST[:PORT]` */
  readonly host: string;
  /** What its repositories' names begin with, such as a project; "" for nothing in common. */
  readonly path: string;
  /** Undefined: loopback hosts are tried over plain HTTP, others are not. */
  readonly plainHttp: boolean | undefined;
}

/** Where a repository of another registry is. */
export interface UpstreamPlace {
  readonly upstream: Upstream;
  /** Its name there. */
  readonly repository: string;
}

/** The configuration names an upstream in a way that is none. */
export class InvalidUpstreamError extends Error {
  override readonly name = "InvalidUpstreamError";
  readonly code = "INVALID_UPSTREAM";
}

const pattern =
  /^(?<prefix>[a-z0-9]+(?:[._-]+[a-z0-9]+)*)=(?:(?<scheme>https?):\/\/)?(?<host>(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?)(?:\/(?<path>[^?#]+?))?\/?$/;

/** `PREFIX=[http://|https://]HOST[:PORT][/PATH]`. @throws {InvalidUpstreamError} */
export function parseUpstream(text: string): Upstream {
  const { prefix = "", scheme, host = "", path = "" } = pattern.exec(text)?.groups ?? {};
  if (prefix === "" || (path !== "" && !isRepositoryName(path))) {
    throw new InvalidUpstreamError(
      `upstream ${JSON.stringify(text.slice(0, 300))}: expected PREFIX=HOST[:PORT][/PATH], such as hub=registry.example.com; http:// in front of HOST asks it over plain HTTP`,
    );
  }
  return { prefix, host, path, plainHttp: scheme === undefined ? undefined : scheme === "http" };
}

/** @throws {InvalidUpstreamError} also when two have one prefix */
export function parseUpstreams(texts: readonly string[]): readonly Upstream[] {
  const upstreams = texts.map(parseUpstream);
  const prefixes = upstreams.map(({ prefix }) => prefix);
  const twice = prefixes.find((prefix, at) => prefixes.indexOf(prefix) !== at);
  if (twice !== undefined) throw new InvalidUpstreamError(`upstream ${twice}: named twice; give each another prefix`);
  return upstreams;
}
