import { listAt, membersOf } from "./document.js";
import { nextPath, type Page, type Registry } from "./registry.js";

/** By name; those that whoever is signed in may list. */
export async function listRepositories(
  registry: Registry,
  from: string | undefined,
  signal: AbortSignal,
): Promise<Page<string>> {
  const { headers, document } = await registry.get(from ?? `/v2/_catalog?n=${repositoriesAtOnce}`, signal);
  const items = listAt(membersOf(document, "the list of repositories"), "repositories");
  return { items: items.filter((name) => typeof name === "string"), next: nextPath(headers) };
}

const repositoriesAtOnce = 100;
