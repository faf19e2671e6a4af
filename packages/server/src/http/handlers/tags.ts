import type { MetadataStore } from "../../metadata/metadata-store.js";
import type { RepositoryName } from "../../registry/repository-name.js";
import { type Answer, jsonAnswer, type RegistryRequest } from "../answer.js";
import { type RepositoryPlaces, visibleRepositories } from "../known-repositories.js";
import { loadPage, parsePage } from "../paging.js";
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
export async function listRepositories(places: RepositoryPlaces, request: RegistryRequest): Promise<Answer> {
  const { items, headers } = await loadPage(parsePage(request.query), "/v2/_catalog", (page) =>
    visibleRepositories(places, page, (name) => request.permissions.may(name, "metadata/read")),
  );
  return jsonAnswer({ repositories: items }, headers);
}
