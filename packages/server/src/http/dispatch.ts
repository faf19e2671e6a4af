import { RegistryError } from "../registry/registry-error.js";
import type { Answer, RegistryRequest } from "./answer.js";
import { deleteBlob, readBlob } from "./handlers/blobs.js";
import { deleteManifest, putManifest, readManifest } from "./handlers/manifests.js";
import { listReferrers } from "./handlers/referrers.js";
import { listRepositories, listTags } from "./handlers/tags.js";
import { appendToUpload, cancelUpload, finishUpload, startUpload, uploadStatus } from "./handlers/uploads.js";
import { answerForUpstream } from "./handlers/upstream.js";
import type { RegistryPlaces } from "./places.js";
import type { Route } from "./route.js";

type Handler = () => Answer | Promise<Answer>;

/** The answer to `request` on `route`. @throws {RegistryError} as the specification words it; 405 for a method the route has not */
export async function dispatch(places: RegistryPlaces, route: Route, request: RegistryRequest): Promise<Answer> {
  const there = "repository" in route ? places.upstreams.open(route.repository) : undefined;
  if (there !== undefined && "repository" in route) return await answerForUpstream(there, route, request);
  const methods = handlersOf(places, route, request);
  const handler = methods[request.method] ?? (request.method === "HEAD" ? methods["GET"] : undefined);
  if (handler !== undefined) return await handler();
  throw new RegistryError("UNSUPPORTED", `${request.method} is not possible here`, undefined, {
    headers: { allow: Object.keys(methods).join(", ") },
  });
}

function handlersOf(places: RegistryPlaces, route: Route, request: RegistryRequest): Readonly<Record<string, Handler>> {
  const { metadata, blobs } = places;
  switch (route.kind) {
    case "base":
      return { GET: () => ({ status: 200, headers: { "content-type": "application/json" }, body: "{}" }) };
    case "catalog":
      return { GET: () => listRepositories(places, request) };
    case "tags":
      return { GET: () => listTags(metadata, route.repository, request) };
    case "manifest": {
      const { repository, reference } = route;
      return {
        GET: () => readManifest(metadata, repository, reference, request),
        PUT: () => putManifest(places, repository, reference, request),
        DELETE: () => deleteManifest(places, repository, reference, request),
      };
    }
    case "blob":
      return {
        GET: () => readBlob(metadata, blobs, route.repository, route.digest, request),
        DELETE: () => deleteBlob(metadata, route.repository, route.digest),
      };
    case "uploads":
      return { POST: () => startUpload(places, route.repository, request) };
    case "upload": {
      const { repository, id } = route;
      return {
        GET: () => uploadStatus(places, repository, id),
        PATCH: () => appendToUpload(places, repository, id, request),
        PUT: () => finishUpload(places, repository, id, request),
        DELETE: () => cancelUpload(places, repository, id),
      };
    }
    case "referrers":
      return { GET: () => listReferrers(metadata, route.repository, route.subject, request) };
  }
}
