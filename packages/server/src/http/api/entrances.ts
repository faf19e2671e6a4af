import type { FastifyRequest } from "fastify";
import type { Caller } from "../../access/gatekeeper.js";
import type { Principal } from "../../access/principal.js";
import { noteAccount } from "../access-log.js";
import { callerOf } from "../caller.js";
import type { RegistryPlaces } from "../places.js";
import type { ApiCaller, Authorize } from "./api-route.js";

/** Who is let in to an operation. */
export interface Entrances {
  /** Administrators. */
  readonly admin: Authorize;
  /** Whoever has an account; the operation asks what they may do. */
  readonly loggedIn: Authorize;
  /** Whoever there is, unless their credentials are wrong; the operation asks what they may do. */
  readonly anybody: Authorize;
  /** Who sends a request that was let in: the name of the account; "" for those who do not log in. */
  nameOf(request: object): string | undefined;
}

export function entrances({ gatekeeper, publicUrl }: Pick<RegistryPlaces, "gatekeeper" | "publicUrl">): Entrances {
  const names = new WeakMap<object, string>();
  const entrance =
    (demand: (principal: Principal, sender: Caller) => void): Authorize =>
    async (request: FastifyRequest): Promise<ApiCaller> => {
      const sender = callerOf(request, publicUrl);
      const principal = await gatekeeper.principalOf(sender);
      demand(principal, sender);
      names.set(request, principal.name);
      noteAccount(request, principal.name);
      return {
        principal,
        demand: (repository, action) => gatekeeper.demand(principal, sender, repository, action),
      };
    };
  return {
    admin: entrance((principal, sender) => gatekeeper.demandAdmin(principal, sender)),
    loggedIn: entrance((principal, sender) => gatekeeper.demandLogin(principal, sender)),
    anybody: entrance(() => undefined),
    nameOf: (request) => names.get(request),
  };
}
