import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { RegistryError } from "../../registry/registry-error.js";
import { callerOf } from "../caller.js";
import type { RegistryPlaces } from "../places.js";
import { addAccountRoutes } from "./account-routes.js";
import { addApiRoute } from "./api-route.js";
import { addStorageRoutes } from "./storage-routes.js";

/** Raised when an operation changes so that an older client would misunderstand. */
const apiVersion = 1;
const maxBodyBytes = 1024 * 1024;

/** The management API, below `/api/v1`, with the OpenAPI document of all of it. */
export async function addApi(app: FastifyInstance, places: RegistryPlaces): Promise<void> {
  const routes: FastifyPluginAsync = async (api) => {
    await api.register(swagger, {
      openapi: { openapi: "3.0.3", info: { title: "sluice", version: String(apiVersion) } },
    });
    api.addContentTypeParser(
      "application/json",
      { parseAs: "string", bodyLimit: maxBodyBytes },
      (_request, text, done) => {
        try {
          done(null, JSON.parse(text.toString()));
        } catch {
          done(new RegistryError("UNSUPPORTED", "the body is no JSON", undefined, { status: 400 }));
        }
      },
    );
    const admin = async (request: FastifyRequest, _reply: FastifyReply): Promise<void> => {
      const caller = callerOf(request, places.publicUrl);
      places.gatekeeper.demandAdmin(await places.gatekeeper.principalOf(caller), caller);
    };
    const anybody = async (): Promise<void> => undefined;
    addApiRoute(
      api,
      {
        method: "GET",
        path: "/",
        summary: "Which version of this API the registry speaks.",
        answer: z.object({ apiVersion: z.number() }),
        run: async () => ({ apiVersion }),
      },
      anybody,
    );
    api.get("/openapi.json", { schema: { hide: true } }, async () => api.swagger());
    addAccountRoutes(api, places.accounts, admin);
    addStorageRoutes(api, places, admin);
  };
  await app.register(routes, { prefix: "/api/v1" });
}
