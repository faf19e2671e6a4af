import { readBounded, TooLargeError } from "@sluice/oci";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { answerTokenRequest, type TokenAnswer } from "../access/token-request.js";
import { RegistryError } from "../registry/registry-error.js";
import { callerOf } from "./caller.js";
import type { RegistryPlaces } from "./places.js";

const maxFormBytes = 16 * 1024;

/**
 * `/v2/token`: GET with Basic or nothing, as Docker asks; POST of a form with name and password (RFC 6749 §4.3), as containerd asks first.
 * Anybody may ask; the token says what they may do.
 */
export function addTokenRoute(app: FastifyInstance, places: RegistryPlaces): void {
  app.get("/v2/token", async (request, reply) => {
    const scopes = new URL(request.raw.url ?? "", "http://any").searchParams.getAll("scope");
    return await reply.header("cache-control", "no-store").send(await answer(request, scopes));
  });
  app.post("/v2/token", async (request, reply) => {
    const form = new URLSearchParams(Buffer.from(await formOf(request)).toString());
    if (form.get("grant_type") !== "password") {
      throw new RegistryError("UNSUPPORTED", "grant_type must be password", undefined, { status: 400 });
    }
    const basic = Buffer.from(`${form.get("username") ?? ""}:${form.get("password") ?? ""}`).toString("base64");
    return await reply
      .header("cache-control", "no-store")
      .send(await answer(request, form.getAll("scope"), `Basic ${basic}`));
  });

  async function answer(request: FastifyRequest, scopes: readonly string[], given?: string): Promise<TokenAnswer> {
    const caller = callerOf(request, places.publicUrl);
    const authorization = given ?? (/^bearer /i.test(caller.authorization ?? "") ? undefined : caller.authorization);
    const principal = await places.gatekeeper.principalOf({ ...caller, authorization });
    return await answerTokenRequest(places.tokens, principal, scopes);
  }
}

async function formOf(request: FastifyRequest): Promise<Uint8Array> {
  try {
    return await readBounded(request.raw, maxFormBytes, "form");
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    throw new RegistryError("SIZE_INVALID", `a form may have ${maxFormBytes} bytes`, undefined, { status: 413 });
  }
}
