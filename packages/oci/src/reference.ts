import { type Digest, isDigest } from "./digest/digest.js";

/** An image in a registry: `HOST[:PORT]/REPO[:TAG][@DIGEST]`. */
export interface RegistryReference {
  readonly kind: "registry";
  /** Lower case, with the port if one was given. */
  readonly host: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  /** Wins over the tag when both are given. */
  readonly digest?: Digest | undefined;
}

/** An image in an OCI image layout: `oci:DIR[:TAG][@DIGEST]`. */
export interface LayoutReference {
  readonly kind: "layout";
  readonly directory: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

export type Reference = RegistryReference | LayoutReference;

/** A text is not a reference to an image. */
export class InvalidReferenceError extends Error {
  override readonly name = "InvalidReferenceError";
  readonly code = "INVALID_REFERENCE";
  constructor(text: string, problem: string) {
    super(`reference ${JSON.stringify(text.slice(0, 300))}: ${problem}`);
  }
}

export interface ReferenceOptions {
  /** `HOST[:PORT]` for names without a host. Default: `docker.io`. */
  readonly defaultRegistry?: string | undefined;
}

const maxReferenceLength = 4096;
/** Distribution specification, "Pulling manifests": names and tags. */
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const hostPattern = /^(?:[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/;
const layoutPrefix = "oci:";

export const isTag = (text: string): boolean => tagPattern.test(text);
export const isRepositoryName = (text: string): boolean => text.length < 256 && repositoryPattern.test(text);

/** @throws {InvalidReferenceError} naming the part that is wrong */
export function parseReference(text: string, options: ReferenceOptions = {}): Reference {
  if (text.length > maxReferenceLength) throw new InvalidReferenceError(text, "too long");
  return text.startsWith(layoutPrefix)
    ? parseLayout(text)
    : parseRegistry(text, options.defaultRegistry ?? "docker.io");
}

/** The text that parses to the same reference. */
export function formatReference(reference: Reference): string {
  const place =
    reference.kind === "layout" ? `${layoutPrefix}${reference.directory}` : `${reference.host}/${reference.repository}`;
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  return `${place}${tag}${reference.digest === undefined ? "" : `@${reference.digest}`}`;
}

/** What to ask the repository for: the digest, else the tag, else `latest`. */
export function targetOf(reference: Reference): string {
  return reference.digest ?? reference.tag ?? "latest";
}

function parseLayout(text: string): LayoutReference {
  const { rest, digest } = cutDigest(text, text.slice(layoutPrefix.length));
  const { name: directory, tag } = cutTag(rest);
  if (directory === "" || directory.includes("\0")) {
    throw new InvalidReferenceError(text, "expected a folder: oci:DIR[:TAG][@DIGEST]");
  }
  if (tag !== undefined && !isTag(tag))
    throw new InvalidReferenceError(text, `tag ${JSON.stringify(tag)} is not allowed`);
  return { kind: "layout", directory, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

function parseRegistry(text: string, defaultRegistry: string): RegistryReference {
  const { rest, digest } = cutDigest(text, text);
  const { name, tag } = cutTag(rest);
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const hasHost = /[.:[\]]/.test(first) || first.toLowerCase() === "localhost";
  const host = normaliseHost(hasHost ? first : defaultRegistry);
  const path = hasHost ? name.slice(slash + 1) : name;
  const repository = host === "docker.io" && path !== "" && !path.includes("/") ? `library/${path}` : path;
  const port = hostPattern.exec(host)?.[1];
  if (!hostPattern.test(host) || Number(port ?? 1) > 65_535 || port === "0") {
    throw new InvalidReferenceError(text, `${JSON.stringify(host)} is not a host with an optional port`);
  }
  if (!isRepositoryName(repository)) {
    throw new InvalidReferenceError(
      text,
      `repository ${JSON.stringify(repository)} must be lower-case letters and digits with . _ - / between them`,
    );
  }
  if (tag !== undefined && !isTag(tag)) {
    throw new InvalidReferenceError(text, `tag ${JSON.stringify(tag)} must be up to 128 of letters, digits and _ . -`);
  }
  return { kind: "registry", host, repository, ...(tag !== undefined && { tag }), ...(digest && { digest }) };
}

function cutDigest(text: string, from: string): { rest: string; digest: Digest | undefined } {
  const at = from.lastIndexOf("@");
  if (at === -1) return { rest: from, digest: undefined };
  const digest = from.slice(at + 1);
  if (isDigest(digest)) return { rest: from.slice(0, at), digest };
  if (text.startsWith(layoutPrefix) && !digest.startsWith("sha")) return { rest: from, digest: undefined }; // a folder with @
  throw new InvalidReferenceError(text, "behind @ a digest is expected: sha256:<64 lower-case hex digits>");
}

/** The tag is behind the last colon, unless a slash follows: then the colon belongs to a port or a folder. */
function cutTag(rest: string): { name: string; tag: string | undefined } {
  const colon = rest.lastIndexOf(":");
  if (colon === -1 || rest.indexOf("/", colon) !== -1) return { name: rest, tag: undefined };
  return { name: rest.slice(0, colon), tag: rest.slice(colon + 1) };
}

/** Docker Hub has three names for one registry. */
function normaliseHost(host: string): string {
  const lower = host.toLowerCase();
  return lower === "index.docker.io" || lower === "registry-1.docker.io" ? "docker.io" : lower;
}
