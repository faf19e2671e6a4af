import { AnswerError, listAt, type Members, membersOf, numberAt, optionalTextAt, textAt } from "./document.js";
import { nextPath, type Page, type Registry } from "./registry.js";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType: string | undefined;
  readonly annotations: Members;
  /** `linux/amd64`, in an index. */
  readonly platform: string | undefined;
}

export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly subject: Descriptor | undefined;
  readonly config: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
  /** Of an index. */
  readonly manifests: readonly Descriptor[];
  readonly isIndex: boolean;
  readonly annotations: Members;
  /** Of the document alone. */
  readonly documentBytes: number;
}

/**
 * Names come out of the address, too, which somebody else may have written: they must not lead to another path.
 * @throws {AnswerError} when one is none
 */
function pathOf(repository: string, kind: string, reference: string): string {
  if (!/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/.test(repository) || /\/[._/-]|[._-]\//.test(repository)) {
    throw new AnswerError(`${JSON.stringify(repository.slice(0, 300))} is no repository name`);
  }
  if (!/^[A-Za-z0-9_][\w.:-]*$/.test(reference)) {
    throw new AnswerError(`${JSON.stringify(reference.slice(0, 300))} is no tag and no digest`);
  }
  return `/v2/${repository}/${kind}/${reference}`;
}

/** @param reference a tag or a digest */
export async function readManifest(
  registry: Registry,
  repository: string,
  reference: string,
  signal: AbortSignal,
): Promise<Manifest> {
  const { headers, document } = await registry.get(pathOf(repository, "manifests", reference), signal);
  const members = membersOf(document, "the manifest");
  const mediaType = headers.get("content-type") ?? "";
  return {
    digest: headers.get("docker-content-digest") ?? reference,
    mediaType,
    artifactType: optionalTextAt(members, "artifactType"),
    subject: members["subject"] === undefined ? undefined : descriptorOf(members["subject"]),
    config: members["config"] === undefined ? undefined : descriptorOf(members["config"]),
    layers: listAt(members, "layers").map(descriptorOf),
    manifests: listAt(members, "manifests").map(descriptorOf),
    isIndex: /index|manifest\.list/.test(mediaType),
    annotations: membersOf(members["annotations"] ?? {}, "annotations"),
    documentBytes: Number(headers.get("content-length") ?? 0),
  };
}

/** The blobs of an image with its manifest, repeated ones once. Bytes. */
export function sizeOf({ config, layers, documentBytes }: Manifest): number {
  const sizes = new Map([...(config ? [config] : []), ...layers].map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, documentBytes);
}

/** Tags and digests alike; what refers to it is not deleted with it. */
export async function deleteManifest(registry: Registry, repository: string, digest: string): Promise<void> {
  await registry.send("DELETE", pathOf(repository, "manifests", digest));
}

export async function listTags(
  registry: Registry,
  repository: string,
  from: string | undefined,
  signal: AbortSignal,
): Promise<Page<string>> {
  const { headers, document } = await registry.get(
    from ?? `${pathOf(repository, "tags", "list")}?n=${tagsAtOnce}`,
    signal,
  );
  const items = listAt(membersOf(document, "the list of tags"), "tags").filter((tag) => typeof tag === "string");
  return { items, next: nextPath(headers) };
}

/** Each tag of a page is looked at: its manifest and what refers to it. */
const tagsAtOnce = 50;

/** What refers to a manifest, all pages. */
export async function listReferrers(
  registry: Registry,
  repository: string,
  digest: string,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = [];
  for (let path: string | undefined = pathOf(repository, "referrers", digest); path !== undefined; ) {
    const { headers, document } = await registry.get(path, signal);
    found.push(...listAt(membersOf(document, "the list of referrers"), "manifests").map(descriptorOf));
    path = nextPath(headers);
  }
  return found;
}

/** A blob that is JSON, such as an image's configuration. @throws {AnswerError} when it is larger than this page reads */
export async function readDocument(
  registry: Registry,
  repository: string,
  { digest, size }: Descriptor,
  signal: AbortSignal,
): Promise<Members> {
  if (size > maxDocumentBytes) throw new AnswerError(`${digest} is larger than ${maxDocumentBytes} bytes`);
  return membersOf((await registry.getHere(pathOf(repository, "blobs", digest), signal)).document, digest);
}

/** The format's limit for recordings, the largest of them. Bytes. */
const maxDocumentBytes = 8 * 1024 * 1024;

function descriptorOf(value: unknown): Descriptor {
  const members = membersOf(value, "a descriptor");
  const platform = members["platform"] === undefined ? undefined : membersOf(members["platform"], "platform");
  return {
    mediaType: textAt(members, "mediaType"),
    digest: textAt(members, "digest"),
    size: numberAt(members, "size"),
    artifactType: optionalTextAt(members, "artifactType"),
    annotations: membersOf(members["annotations"] ?? {}, "annotations"),
    platform:
      platform &&
      [optionalTextAt(platform, "os"), optionalTextAt(platform, "architecture"), optionalTextAt(platform, "variant")]
        .filter((part) => part !== undefined)
        .join("/"),
  };
}
