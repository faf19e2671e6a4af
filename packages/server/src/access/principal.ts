import { type Action, allows, type Grant } from "./grants.js";

/** Who sends a request, and what they may do. */
export interface Principal {
  /** How they proved it: not at all, by password in this request, or by a token made for some repositories. */
  readonly kind: "anonymous" | "password" | "bearer";
  /** Of a user or token; "" when anonymous. */
  readonly name: string;
  readonly grants: readonly Grant[];
  /** May manage the registry: accounts, collections, settings. */
  readonly isAdmin: boolean;
}

export const may = (principal: Principal, repository: string, action: Action): boolean =>
  allows(principal.grants, repository, action);
