import type { MetadataStore } from "../../metadata/metadata-store.js";
import type { Page } from "../../records/page.js";
import type { RepositoryName } from "../../registry/repository-name.js";
import { type Answer, jsonAnswer, type RegistryRequest } from "../answer.js";
import { loadPage, longestPage, parsePage } from "../paging.js";
import { unknownRepository } from "./manifests.js";

/** `GET /v2/<name>/tags/list` */
export async function listTags(
  metadata: MetadataStore,
  repository: RepositoryName,
  request: RegistryRequest,
): Promise<Answer> {
  if (!(await metadata.hasRepository(repository))) throw unknownRepository(repository);
  const { items, headers } = await loadPage(parsePage(request.query), `/v2/${repository}/tags/list`, (page) =>
    metadata.tags(repository, page),
  );
  return jsonAnswer({ name: repository, tags: items }, headers);
}

/** `GET /v2/_catalog`, which the specification leaves to Docker's registry API: those that the caller may list. */
export async function listRepositories(metadata: MetadataStore, request: RegistryRequest): Promise<Answer> {
  const { items, headers } = await loadPage(parsePage(request.query), "/v2/_catalog", (page) =>
    visibleRepositories(metadata, page, (name) => request.permissions.may(name, "metadata/read")),
  );
  return jsonAnswer({ repositories: items }, headers);
}

/** The repositories that whoever asks may list. */
export async function visibleRepositories(
  metadata: MetadataStore,
  page: Page,
  isVisible: (repository: string) => boolean,
): Promise<readonly string[]> {
  const visible: string[] = [];
  for (let { after } = page; visible.length < page.limit; ) {
    const found = await metadata.repositories({ after, limit: longestPage });
    visible.push(...found.filter(isVisible));
    if (found.length < longestPage) break;
    after = found.at(-1);
  }
  return visible.slice(0, page.limit);
}
