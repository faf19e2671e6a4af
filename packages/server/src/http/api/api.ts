import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import { RegistryError } from "../../registry/registry-error.js";
import type { RegistryPlaces } from "../places.js";
import { addAccountRoutes } from "./account-routes.js";
import { addDeletedRoutes } from "./deleted-routes.js";
import { entrances } from "./entrances.js";
import { addEventRoutes, noteSettings } from "./event-routes.js";
import { addImportRoutes } from "./import-routes.js";
import { addOperationRoutes } from "./operation-routes.js";
import { addQuotaRoutes } from "./quota-routes.js";
import { addRepositoryRoutes } from "./repository-routes.js";
import { addStorageRoutes } from "./storage-routes.js";
import { addUpstreamRoutes } from "./upstream-routes.js";
import { addWebhookRoutes } from "./webhook-routes.js";

/** Raised when an operation changes so that an older client would misunderstand. */
const apiVersion = 1;
const maxBodyBytes = 1024 * 1024;
/** By its own name, as notifications of distribution, and as CloudEvents. As with JSON by its own name, pages of other origins cannot send them unasked. */
const jsonTypes = /^application\/(json|(vnd\.docker\.distribution\.events\.v\d|cloudevents)\+json) *(;|$)/i;
const versionSchema = {
  summary: "Which version of this API the registry speaks.",
  response: { 200: { type: "object", properties: { apiVersion: { type: "number" } }, required: ["apiVersion"] } },
};

/** The management API, below `/api/v1`, with the OpenAPI document of all of it. */
export async function addApi(app: FastifyInstance, places: RegistryPlaces): Promise<void> {
  const routes: FastifyPluginAsync = async (api) => {
    await api.register(swagger, {
      openapi: { openapi: "3.0.3", info: { title: "sluice", version: String(apiVersion) } },
    });
    api.addContentTypeParser(jsonTypes, { parseAs: "string", bodyLimit: maxBodyBytes }, (_request, text, done) => {
      try {
        done(null, JSON.parse(text.toString()));
      } catch {
        done(new RegistryError("UNSUPPORTED", "the body is no JSON", undefined, { status: 400 }));
      }
    });
    const { admin, loggedIn, anybody, nameOf } = entrances(places);
    noteSettings(api, places.activities, nameOf);
    api.get("/", { schema: versionSchema }, async () => ({ apiVersion }));
    api.get("/openapi.json", { schema: { hide: true } }, async () => api.swagger());
    addAccountRoutes(api, places.accounts, admin);
    addStorageRoutes(api, places, admin);
    addImportRoutes(api, places, loggedIn);
    addRepositoryRoutes(api, places, anybody);
    addOperationRoutes(api, places, anybody);
    addUpstreamRoutes(api, places, loggedIn);
    addWebhookRoutes(api, places, admin);
    addEventRoutes(api, places.activities, admin);
    addQuotaRoutes(api, places, admin);
    addDeletedRoutes(api, places, { admin, loggedIn });
  };
  await app.register(routes, { prefix: "/api/v1" });
}
