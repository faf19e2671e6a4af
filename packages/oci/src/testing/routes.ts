import type { IncomingMessage } from "node:http";
import { descriptorToJson } from "../descriptor.js";
import { type Digest, isDigest } from "../digest/digest.js";
import { createImageIndex, type Manifest, referrerDescriptor } from "../manifest.js";
import { type Fault, faultOf } from "./faults.js";
import type { MemoryRepository, MemoryStore } from "./memory-store.js";
import { errorReply, htmlReply, jsonReply, type Reply, rangedReply } from "./reply.js";
import type { StorageLinks } from "./storage-links.js";
import type { UploadSessions } from "./upload-sessions.js";

/** What the registry can and will do. */
export interface RouteOptions {
  /** `api`; or what registries without it answer: 404, or a web page with status 200. */
  readonly referrers: "api" | "404" | "html";
  /** Answer pushed subjects with `OCI-Subject`. */
  readonly ociSubject: boolean;
  readonly mounts: boolean;
  readonly deletes: boolean;
  /** Tags and referrers per page. */
  readonly pageSize: number;
}

/** One request, taken apart. */
export interface RoutedRequest {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly body: Uint8Array;
  readonly faults: readonly Fault[];
}

/** Where blobs are redirected to; undefined when the registry sends them itself. */
export interface Redirection {
  readonly origin: string;
  readonly links: StorageLinks;
}

const routePattern = /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/(.*)$/;

/** The scope that a request needs: `repository:app:pull`. "" for the version check. */
export function scopeOf(method: string, path: string): string {
  const name = routePattern.exec(path)?.[1]?.replace(/\/blobs$/, "");
  if (name === undefined) return "";
  if (method === "GET" || method === "HEAD") return `repository:${name}:pull`;
  return `repository:${name}:${method === "DELETE" && path.includes("/manifests/") ? "delete" : "pull,push"}`;
}

/** The distribution API over a store in memory. */
export class Routes {
  readonly #store: MemoryStore;
  readonly #uploads: UploadSessions;
  readonly #options: RouteOptions;
  readonly #redirection: Redirection | undefined;

  constructor(
    store: MemoryStore,
    uploads: UploadSessions,
    options: RouteOptions,
    redirection: Redirection | undefined,
  ) {
    this.#store = store;
    this.#uploads = uploads;
    this.#options = options;
    this.#redirection = redirection;
  }

  answer(routed: RoutedRequest): Reply {
    const path = decodeURIComponent(routed.url.pathname);
    if (path === "/v2/") return jsonReply(200, {});
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(path);
    if (upload) return this.#upload(routed, upload[1] ?? "", upload[2] ?? "");
    const [, name = "", what, target = ""] = routePattern.exec(path) ?? [];
    const repository = this.#store.repository(name);
    if (what === "manifests") return this.#manifest(routed, repository, target);
    if (what === "blobs") return this.#blob(routed, repository, target);
    if (what === "tags") return this.#tags(routed, name, repository);
    if (what === "referrers") return this.#referrers(routed, name, repository, target);
    return errorReply(404, "NAME_UNKNOWN", "no such route");
  }

  #manifest({ body, request }: RoutedRequest, repository: MemoryRepository, target: string): Reply {
    if (request.method === "PUT") return this.#putManifest(request, repository, target, body);
    const manifest = repository.find(target);
    if (manifest === undefined) return errorReply(404, "MANIFEST_UNKNOWN", "manifest unknown");
    if (request.method !== "DELETE") return manifestReply(manifest);
    if (!this.#options.deletes) return errorReply(405, "UNSUPPORTED", "deletion is not allowed");
    repository.deleteManifest(manifest.digest);
    return { status: 202 };
  }

  #putManifest(request: IncomingMessage, repository: MemoryRepository, target: string, body: Uint8Array): Reply {
    const contentType = request.headers["content-type"];
    const manifest = repository.putManifest(body, contentType, isDigest(target) ? undefined : target);
    const subject = this.#options.ociSubject ? manifest.subject?.digest : undefined;
    const headers = { "docker-content-digest": manifest.digest, ...(subject && { "oci-subject": subject }) };
    return { status: 201, headers };
  }

  #blob({ faults, request }: RoutedRequest, repository: MemoryRepository, target: string): Reply {
    const digest = target as Digest; // a text that is no digest is no key either
    const blob = repository.blobs.get(digest);
    if (blob === undefined) return errorReply(404, "BLOB_UNKNOWN", "blob unknown");
    if (this.#redirection) {
      const { links, origin } = this.#redirection;
      return { status: 307, headers: { location: `${origin}${links.sign(digest)}` } };
    }
    return blobReply(request, blob, { "docker-content-digest": digest }, faults);
  }

  #upload({ body, request, url }: RoutedRequest, name: string, id: string): Reply {
    const repository = this.#store.repository(name);
    if (request.method !== "POST") {
      const contentRange = String(request.headers["content-range"] ?? "");
      return this.#uploads.answer(request.method ?? "", name, id, url, body, contentRange, repository);
    }
    const mount = url.searchParams.get("mount") ?? "";
    const from = this.#store.repository(url.searchParams.get("from") ?? "");
    const blob = this.#options.mounts && isDigest(mount) ? from.blobs.get(mount) : undefined;
    if (blob === undefined) return this.#uploads.start(name);
    repository.putBlob(blob);
    return { status: 201, headers: { location: `/v2/${name}/blobs/${mount}` } };
  }

  #tags({ url }: RoutedRequest, name: string, repository: MemoryRepository): Reply {
    const last = url.searchParams.get("last") ?? "";
    const tags = [...repository.tags.keys()].sort().filter((tag) => tag > last);
    const page = tags.slice(0, this.#options.pageSize);
    const link = page.length < tags.length ? { link: `</v2/${name}/tags/list?last=${page.at(-1)}>; rel="next"` } : {};
    return jsonReply(200, { name, tags: page }, link);
  }

  #referrers({ url }: RoutedRequest, name: string, repository: MemoryRepository, target: string): Reply {
    if (this.#options.referrers === "html") return htmlReply;
    if (this.#options.referrers === "404") return errorReply(404, "NOT_FOUND", "no such route");
    const artifactType = url.searchParams.get("artifactType");
    const all = repository.referrersOf(target as Digest).map(referrerDescriptor); // an odd text refers to nothing
    const matching = artifactType === null ? all : all.filter((referrer) => referrer.artifactType === artifactType);
    const from = Number(url.searchParams.get("page") ?? 0) * this.#options.pageSize;
    const page = matching.slice(from, from + this.#options.pageSize);
    const next = new URL(url);
    next.searchParams.set("page", String(from / this.#options.pageSize + 1));
    const index = createImageIndex(page);
    const headers: Record<string, string> = {
      "content-type": index.mediaType,
      ...(artifactType !== null && { "oci-filters-applied": "artifactType" }),
      ...(from + page.length < matching.length && {
        link: `</v2/${name}/referrers/${target}${next.search}>; rel="next"`,
      }),
    };
    return jsonReply(
      200,
      { schemaVersion: 2, mediaType: index.mediaType, manifests: page.map(descriptorToJson) },
      headers,
    );
  }
}

/** A blob or a part of it, with the faults that concern ranges. */
function blobReply(
  request: IncomingMessage,
  blob: Uint8Array,
  headers: Record<string, string>,
  faults: readonly Fault[],
): Reply {
  if (faultOf(faults, "ignore-range")) return { status: 200, headers, body: blob };
  const reply = rangedReply(request, blob, headers);
  if (reply.status !== 206 || faultOf(faults, "wrong-range") === undefined) return reply;
  const bytes = blob.subarray(0, reply.body?.byteLength ?? 0);
  const contentRange = `bytes 0-${bytes.byteLength - 1}/${blob.byteLength}`;
  return { ...reply, headers: { ...reply.headers, "content-range": contentRange }, body: bytes };
}

const manifestReply = (manifest: Manifest): Reply => ({
  status: 200,
  headers: { "content-type": manifest.mediaType, "docker-content-digest": manifest.digest },
  body: manifest.bytes,
});
