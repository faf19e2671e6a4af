import type { RegistryRequest, RegistrySession } from "./session.js";

/** What the functions on one repository share. */
export interface RepositoryContext {
  readonly session: RegistrySession;
  /** The repository's name in the registry: `library/nginx`. */
  readonly repository: string;
  /** `host/repository`, for messages. */
  readonly name: string;
}

export const pullScope = (repository: string): string => `repository:${repository}:pull`;
export const pushScope = (repository: string): string => `repository:${repository}:pull,push`;
export const deleteScope = (repository: string): string => `repository:${repository}:pull,push,delete`;

/** A reading request below `/v2/<repository>/`. */
export function pullRequest(
  context: RepositoryContext,
  path: string,
  rest: Pick<RegistryRequest, "kind" | "expect"> & Partial<RegistryRequest>,
): RegistryRequest {
  const { repository } = context;
  return { method: "GET", target: `/v2/${repository}/${path}`, scopes: [pullScope(repository)], ...rest };
}
