import type { BearerTokens } from "./bearer-tokens.js";
import { tokenSeconds } from "./bearer-tokens.js";
import { actionsOfWords, type Grant } from "./grants.js";
import { may, type Principal } from "./principal.js";

/** Scopes in one request: clients ask for a push with two mounts at most. */
const maxScopes = 50;

/** What a token endpoint answers (Docker token authentication; RFC 6749 §5.1 for the names with underscores). */
export interface TokenAnswer {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
}

/**
 * A token for what of the scopes the caller may do, each `repository:NAME:pull,push,delete`. What it may not do is left out: the client
 * finds out when it tries.
 */
export async function answerTokenRequest(
  tokens: BearerTokens,
  principal: Principal,
  scopes: readonly string[],
): Promise<TokenAnswer> {
  const grants = scopes
    .flatMap((scope) => scope.split(" "))
    .slice(0, maxScopes)
    .flatMap((scope) => granted(principal, scope));
  const token = await tokens.issue(principal.name, grants);
  return { token, access_token: token, expires_in: tokenSeconds, issued_at: new Date().toISOString() };
}

function granted(principal: Principal, scope: string): readonly Grant[] {
  if (scope.startsWith("registry:catalog:")) return listable(principal);
  const [, repository, words] = /^repository(?:\([a-z]+\))?:([^:*]{1,255}):([a-z*,]{1,100})$/.exec(scope) ?? [];
  if (repository === undefined || words === undefined) return [];
  const actions = actionsOfWords(words).filter((action) => may(principal, repository, action));
  return actions.length > 0 ? [{ repository, actions }] : [];
}

/** The catalog shows what may be listed. */
const listable = ({ grants }: Principal): readonly Grant[] =>
  grants
    .filter(({ actions }) => actions.includes("metadata/read"))
    .map(({ repository }) => ({ repository, actions: ["metadata/read"] }));
