import {
  type AbortOptions,
  createImageIndex,
  isDigest,
  isNotFound,
  ociMediaTypes,
  readBounded,
  sluiceMediaTypes,
} from "@sluice/oci";
import type { ManifestReference } from "../../registry/manifest-reference.js";
import { RegistryError } from "../../registry/registry-error.js";
import type { RepositoryName } from "../../registry/repository-name.js";
import type { UpstreamRepository } from "../../upstream/upstream-repository.js";
import { type Answer, jsonAnswer, type RegistryRequest } from "../answer.js";
import { loadPage, parsePage } from "../paging.js";
import type { Route } from "../route.js";

type RepositoryRoute = Extract<Route, { readonly repository: RepositoryName }>;

/** Configurations and recordings, which the page shows. Bytes. Who wants layers pulls from the other registry itself. */
const maxBlobBytes = 8 * 1024 * 1024;

/**
 * What a repository of another registry answers here: its documents, for those who manage its conversions, and the deletion of streaming artifacts. No more:
 * this is no way around that registry.
 * @throws {RegistryError}
 */
export async function answerForUpstream(
  there: UpstreamRepository,
  route: RepositoryRoute,
  request: RegistryRequest,
): Promise<Answer> {
  const handler = handlerOf(there, route, request.method);
  if (handler === undefined) {
    throw new RegistryError("UNSUPPORTED", `this registry only shows ${there.name}; push, pull and delete there`);
  }
  try {
    return await handler(request);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const code = route.kind === "manifest" ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN";
    throw new RegistryError(code, `${there.name}: ${(error as Error).message}`); // by isNotFound
  }
}

function handlerOf(
  there: UpstreamRepository,
  route: RepositoryRoute,
  method: string,
): ((request: RegistryRequest) => Promise<Answer>) | undefined {
  const isRead = method === "GET" || method === "HEAD";
  if (route.kind === "manifest" && method === "DELETE") return () => deleteArtifact(there, route.reference);
  if (!isRead) return undefined;
  switch (route.kind) {
    case "tags":
      return (request) => listTags(there, route.repository, request);
    case "manifest":
      return () => readManifest(there, route.reference);
    case "referrers":
      return ({ query }) => listReferrers(there, route.subject, query.get("artifactType"));
    case "blob":
      return () => readBlob(there, route.digest);
    default:
      return undefined;
  }
}

/** The other registry's pages are read from the first one on: it may sort otherwise than we do. */
async function listTags(
  there: UpstreamRepository,
  repository: RepositoryName,
  { query }: RegistryRequest,
): Promise<Answer> {
  const all: string[] = [];
  for await (const tag of there.tags()) all.push(tag);
  all.sort();
  const { items, headers } = await loadPage(parsePage(query), `/v2/${repository}/tags/list`, async (page) => {
    const { after = "" } = page;
    return all.filter((tag) => tag > after).slice(0, page.limit);
  });
  return jsonAnswer({ name: repository, tags: items }, headers);
}

async function readManifest(there: UpstreamRepository, reference: ManifestReference): Promise<Answer> {
  const { bytes, digest, mediaType } = await there.getManifest(targetOf(reference));
  const headers = { "docker-content-digest": digest, etag: `"${digest}"`, "content-type": mediaType };
  return { status: 200, headers: { ...headers, "content-length": bytes.byteLength }, body: bytes };
}

async function listReferrers(there: UpstreamRepository, subject: string, artifactType: string | null): Promise<Answer> {
  const found = await there.referrers(sha256(subject), artifactType === null ? {} : { artifactType });
  const headers = {
    "content-type": ociMediaTypes.index,
    ...(artifactType !== null && { "oci-filters-applied": "artifactType" }),
  };
  return { status: 200, headers, body: createImageIndex(found).bytes };
}

async function readBlob(there: UpstreamRepository, named: string, options?: AbortOptions): Promise<Answer> {
  const digest = sha256(named);
  const size = await there.blobSize(digest, options);
  if (size === undefined) throw new RegistryError("BLOB_UNKNOWN", `${there.name} has no blob ${digest}`);
  if (size > maxBlobBytes) {
    throw new RegistryError("UNSUPPORTED", `${digest} is larger than ${maxBlobBytes} bytes: pull from ${there.name}`);
  }
  const body = await readBounded(there.readBlob({ digest, size }, options), maxBlobBytes, `blob ${digest}`);
  const headers = { "content-type": "application/octet-stream", "docker-content-digest": digest };
  return { status: 200, headers: { ...headers, "content-length": body.byteLength }, body };
}

/** Images of another registry are not ours to delete. */
async function deleteArtifact(there: UpstreamRepository, reference: ManifestReference): Promise<Answer> {
  const manifest = await there.getManifest(targetOf(reference));
  const isArtifact = manifest.kind === "image" && manifest.artifactType === sluiceMediaTypes.artifact;
  if (reference.kind === "tag" || !isArtifact) {
    throw new RegistryError(
      "UNSUPPORTED",
      `only streaming artifacts are deleted here, by digest; delete images in ${there.name}`,
    );
  }
  await there.removeArtifact(manifest.digest, "");
  return { status: 202 };
}

const targetOf = (reference: ManifestReference): string =>
  reference.kind === "tag" ? reference.tag : sha256(reference.digest);

function sha256(digest: string) {
  if (isDigest(digest)) return digest;
  throw new RegistryError(
    "UNSUPPORTED",
    `${digest.slice(0, 100)}: images of other registries are known by sha256 here`,
  );
}
