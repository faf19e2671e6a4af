import type { AbortOptions } from "../abort-options.js";
import type { Descriptor } from "../descriptor.js";
import { DigestMismatchError } from "../digest/content-digest.js";
import { type Digest, isDigest, sha256Of } from "../digest/digest.js";
import { descriptorOfManifest, type Manifest, maxManifestBytes, parseManifest } from "../manifest.js";
import { acceptedManifests, isImageIndexType, isImageManifestType } from "../media-types.js";
import { isTag } from "../reference.js";
import { NotFoundError } from "../repository/errors.js";
import { requestName } from "./error-of-response.js";
import { RegistryError, UnexpectedReplyError } from "./errors.js";
import { deleteScope, pullRequest, pushScope, type RepositoryContext } from "./repository-requests.js";
import type { HttpResponse } from "./transport.js";

const accept = { accept: acceptedManifests };

/** HEAD, and GET where its answer does not say enough: no digest, no size, or a media type that is no manifest's. */
export async function resolveManifest(
  context: RepositoryContext,
  target: string,
  options?: AbortOptions,
): Promise<Descriptor> {
  const head = pullRequest(context, manifestPath(context, target), {
    method: "HEAD",
    kind: "manifest",
    headers: accept,
    expect: [200, 405, 501],
  });
  const response = await context.session.send(head, options);
  await response.body.discard();
  return descriptorOfHead(response, target) ?? descriptorOfManifest(await getManifest(context, target, options));
}

/** Verified, bounded, typed. */
export async function getManifest(
  context: RepositoryContext,
  target: string,
  options?: AbortOptions,
): Promise<Manifest> {
  const path = manifestPath(context, target);
  const get = pullRequest(context, path, { kind: "manifest", headers: accept, expect: [200] });
  const { bytes, response } = await context.session.document(get, maxManifestBytes, options);
  const separator = isDigest(target) ? "@" : ":";
  const what = `manifest ${context.name}${separator}${target}`;
  refuseHtml(response, bytes, what);
  const actual = sha256Of(bytes);
  const promised = isDigest(target) ? target : digestHeader(response);
  if (promised !== undefined && promised !== actual) throw new DigestMismatchError(what, promised, actual);
  return parseManifest(bytes, what, response.header("content-type"));
}

/** The registry's answer to a pushed manifest. */
export interface ManifestReceipt {
  /** The registry lists the manifest among the referrers of its subject (`OCI-Subject`). */
  readonly subjectListed: boolean;
}

export async function putManifest(
  context: RepositoryContext,
  manifest: Manifest,
  target: string,
  options?: AbortOptions,
): Promise<ManifestReceipt> {
  const { repository, session } = context;
  const response = await session.send(
    {
      method: "PUT",
      target: `/v2/${repository}/${manifestPath(context, target)}`,
      kind: "upload",
      scopes: [pushScope(repository)],
      headers: { "content-type": manifest.mediaType },
      body: manifest.bytes,
      expect: [200, 201, 202, 204],
    },
    options,
  );
  await response.body.discard();
  const stored = digestHeader(response);
  if (stored !== undefined && stored !== manifest.digest) {
    throw new DigestMismatchError(`manifest pushed to ${context.name}`, manifest.digest, stored);
  }
  return { subjectListed: response.header("oci-subject") !== undefined };
}

export async function deleteManifest(
  context: RepositoryContext,
  digest: Digest,
  options?: AbortOptions,
): Promise<void> {
  const { repository, session } = context;
  const response = await session.send(
    {
      method: "DELETE",
      target: `/v2/${repository}/manifests/${digest}`,
      kind: "delete",
      scopes: [deleteScope(repository)],
      expect: [200, 202, 204, 405],
    },
    options,
  );
  await response.body.discard();
  if (response.status === 405) {
    const cure = "Allow deletion in the registry's configuration";
    throw new RegistryError("the registry does not allow deletion", {
      request: requestName(response),
      status: 405,
      cure,
    });
  }
}

/** A login page, a captive portal, or a web server that is no registry. */
export function refuseHtml(response: HttpResponse, bytes: Uint8Array, what: string): void {
  const start = Buffer.from(bytes.subarray(0, 200)).toString("latin1").trimStart();
  if (!isHtml(response) && !start.startsWith("<")) return;
  throw new UnexpectedReplyError(`an HTML page came where the ${what} was expected`, {
    request: requestName(response),
    status: response.status,
    cure: "Check that this host is a registry and that no proxy or login page answers for it",
  });
}

export const isHtml = (response: HttpResponse): boolean =>
  (response.header("content-type") ?? "").toLowerCase().includes("html");

/** `Docker-Content-Digest`, when it is one we can check. */
function digestHeader(response: HttpResponse): Digest | undefined {
  const value = response.header("docker-content-digest") ?? "";
  return isDigest(value) ? value : undefined;
}

function descriptorOfHead(response: HttpResponse, target: string): Descriptor | undefined {
  const digest = digestHeader(response);
  const size = Number(response.header("content-length") ?? Number.NaN);
  const mediaType = response.header("content-type")?.split(";")[0]?.trim() ?? "";
  if (response.status !== 200 || digest === undefined || !Number.isSafeInteger(size)) return undefined;
  if (!isImageManifestType(mediaType) && !isImageIndexType(mediaType)) return undefined;
  if (isDigest(target) && digest !== target) return undefined; // GET will tell
  return { mediaType, digest, size };
}

/** @throws {NotFoundError} for a target that no registry can have, so that it never becomes a path */
function manifestPath(context: RepositoryContext, target: string): string {
  if (isDigest(target) || isTag(target)) return `manifests/${target}`;
  const shown = JSON.stringify(target.slice(0, 200));
  throw new NotFoundError(`${context.name}: ${shown} is neither a tag nor a digest, so nothing can have this name`);
}
