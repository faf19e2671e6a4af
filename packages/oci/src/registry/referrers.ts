import type { Descriptor } from "../descriptor.js";
import type { Digest } from "../digest/digest.js";
import { InvalidDocumentError } from "../documents/json-document.js";
import { type ImageIndex, maxManifestBytes, parseManifest } from "../manifest.js";
import { ociMediaTypes } from "../media-types.js";
import { isNotFound } from "../repository/errors.js";
import type { ReferrersOptions } from "../repository/repository.js";
import { getManifest } from "./manifests.js";
import { nextPage } from "./paging.js";
import { pullRequest, type RepositoryContext } from "./repository-requests.js";
import type { HttpResponse } from "./transport.js";

/** An image with more referrers than this is an attack or a mistake. */
export const maxReferrers = 10_000;
const maxReferrerPages = 100;

/**
 * Referrers of a subject through the API, or through the fallback tag where there is no API: an answer that is not an index in JSON
 * counts as none (distribution specification, "Listing Referrers" and "Referrers Tag Schema"), and for some minutes is not asked for again.
 */
export async function listReferrers(
  context: RepositoryContext,
  subject: Digest,
  options: ReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  const fromRegistry = context.session.lacks.has(apiOf(context)) ? undefined : await fromApi(context, subject, options);
  const found = fromRegistry ?? (await referrersTag(context, subject, options))?.manifests ?? [];
  const { artifactType } = options;
  return artifactType === undefined ? found : found.filter((referrer) => referrer.artifactType === artifactType);
}

/** By repository: some registries that have the API answer 404 where there is no such repository yet. */
const apiOf = ({ repository }: RepositoryContext): string => `referrers of ${repository}`;

/** The registry has acknowledged a subject, so it has the API. */
export const noteReferrersApi = (context: RepositoryContext): void => context.session.lacks.forget(apiOf(context));

/** `sha256-<hex>`: the tag whose index lists referrers where the registry does not. */
export const referrersTagOf = (subject: Digest): string => subject.replace(":", "-");

/** The index behind the fallback tag; undefined when there is none. @throws {InvalidDocumentError} if the tag names something else */
export async function referrersTag(
  context: RepositoryContext,
  subject: Digest,
  options?: ReferrersOptions,
): Promise<ImageIndex | undefined> {
  const tag = referrersTagOf(subject);
  try {
    const manifest = await getManifest(context, tag, options);
    if (manifest.kind === "index") return manifest;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  throw new InvalidDocumentError(`${context.name}:${tag}: expected an index of referrers, found a single image`);
}

/** Undefined when the registry has no referrers API. */
async function fromApi(
  context: RepositoryContext,
  subject: Digest,
  options: ReferrersOptions,
): Promise<Descriptor[] | undefined> {
  const filter =
    options.artifactType === undefined ? "" : `?${new URLSearchParams({ artifactType: options.artifactType })}`;
  let request = pullRequest(context, `referrers/${subject}${filter}`, {
    kind: "referrers",
    headers: { accept: ociMediaTypes.index },
    expect: [200, 400, 404, 405, 406, 501],
  });
  const found: Descriptor[] = [];
  for (let page = 0; page < maxReferrerPages && found.length < maxReferrers; page++) {
    const { bytes, response } = await context.session.document(request, maxManifestBytes, options);
    const index = indexIn(response, bytes, `referrers of ${context.name}@${subject}`);
    if (index === undefined && page === 0) context.session.lacks.add(apiOf(context));
    if (index === undefined) return page === 0 ? undefined : found;
    found.push(...index.manifests);
    const next = nextPage(response);
    if (next === undefined) break;
    request = { ...request, target: next };
  }
  return found.slice(0, maxReferrers);
}

function indexIn(response: HttpResponse, bytes: Uint8Array, what: string): ImageIndex | undefined {
  const isJson = (response.header("content-type") ?? "").includes("json");
  if (response.status !== 200 || !isJson) return undefined;
  const manifest = parseManifest(bytes, what, ociMediaTypes.index);
  if (manifest.kind === "index") return manifest;
  throw new InvalidDocumentError(`${what}: expected an index, got a manifest`);
}
