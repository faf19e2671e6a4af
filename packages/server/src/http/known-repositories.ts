import type { MetadataStore } from "../metadata/metadata-store.js";
import type { RepositoryStreamings } from "../operations/repository-streaming.js";
import type { Page } from "../records/page.js";
import type { Upstreams } from "../upstream/upstreams.js";
import { longestPage } from "./paging.js";

/** Where names of repositories come from. */
export interface RepositoryPlaces {
  readonly metadata: MetadataStore;
  readonly streamings: RepositoryStreamings;
  readonly upstreams: Upstreams;
}

/** By name, the repositories that whoever asks may list: the registry's own, and those of other registries whose streaming somebody has set. */
export async function visibleRepositories(
  places: RepositoryPlaces,
  page: Page,
  isVisible: (repository: string) => boolean,
): Promise<readonly string[]> {
  const visible: string[] = [];
  for (let { after } = page; visible.length < page.limit; ) {
    const found = await knownRepositories(places, { after, limit: longestPage });
    visible.push(...found.filter(isVisible));
    if (found.length < longestPage) break;
    after = found.at(-1);
  }
  return visible.slice(0, page.limit);
}

async function knownRepositories(
  { metadata, streamings, upstreams }: RepositoryPlaces,
  { after, limit }: Page,
): Promise<readonly string[]> {
  const names = [...(await metadata.repositories({ after, limit }))];
  if (upstreams.prefixes.length === 0) return names;
  for (const prefix of upstreams.prefixes) {
    let count = 0;
    for await (const { name } of streamings.below(prefix, after)) {
      if (count++ === limit) break;
      names.push(name);
    }
  }
  return [...new Set(names)].sort().slice(0, limit);
}
