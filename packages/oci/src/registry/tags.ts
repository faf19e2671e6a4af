import { z } from "zod";
import type { AbortOptions } from "../abort-options.js";
import { listOf, parseJsonDocument } from "../documents/json-document.js";
import { refuseHtml } from "./manifests.js";
import { maxPages, nextPage } from "./paging.js";
import { pullRequest, type RepositoryContext } from "./repository-requests.js";

const pageSize = 1000;
const maxPageBytes = 4 * 1024 * 1024;
const pageSchema = z.object({ tags: listOf(z.string().max(128), 100_000) });

/** Tags as the registry lists them, page after page. */
export async function* listTags(
  context: RepositoryContext,
  options?: AbortOptions,
): AsyncGenerator<string, void, undefined> {
  const what = `tags of ${context.name}`;
  let request = pullRequest(context, `tags/list?n=${pageSize}`, { kind: "tags", expect: [200] });
  for (let page = 0; page < maxPages; page++) {
    const { bytes, response } = await context.session.document(request, maxPageBytes, options);
    refuseHtml(response, bytes, what);
    yield* parseJsonDocument(bytes, pageSchema, what).tags;
    const next = nextPage(response);
    if (next === undefined) return;
    request = { ...request, target: next };
  }
}
