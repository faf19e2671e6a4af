import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { may } from "../../access/principal.js";
import type { MetadataStore } from "../../metadata/metadata-store.js";
import { type RepositoryStreamings, streamingStates } from "../../operations/repository-streaming.js";
import { RegistryError } from "../../registry/registry-error.js";
import { parseRepositoryName } from "../../registry/repository-name.js";
import { visibleRepositories } from "../handlers/tags.js";
import { type Authorize, addApiRoute } from "./api-route.js";
import { last, n, repositoryName } from "./query-schemas.js";

export interface RepositoryPlaces {
  readonly metadata: MetadataStore;
  readonly streamings: RepositoryStreamings;
}

const named = z.object({ name: repositoryName });
const streaming = z.enum(streamingStates);
const repository = z.object({
  name: z.string(),
  streaming,
  skipped: z
    .array(
      z.object({
        digest: z.string(),
        tag: z.string().optional(),
        code: z.string(),
        message: z.string(),
        time: z.iso.datetime(),
      }),
    )
    .describe("Pushes that streaming would have converted if their images were ones that can be; the newest first."),
});

/** Repositories and whether what is pushed into them is converted by itself: for who may read them, and change their settings. */
export function addRepositoryRoutes(
  api: FastifyInstance,
  { metadata, streamings }: RepositoryPlaces,
  authorize: Authorize,
): void {
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/repositories",
      summary: "The repositories that the caller may list, by name.",
      query: z.object({ n, last }),
      answer: z.object({ repositories: z.array(repository.omit({ skipped: true })) }),
      run: async ({ query, caller }) => {
        const page = { after: query.last, limit: query.n };
        const names = await visibleRepositories(metadata, page, (name) => may(caller.principal, name, "metadata/read"));
        const states = await Promise.all(names.map((name) => streamings.of(name)));
        return {
          repositories: names.map((name, at) => ({ name, streaming: states[at]?.streaming ?? "Inactive" })),
        };
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/repository",
      summary: "One repository.",
      query: named,
      answer: repository,
      run: async ({ query: { name }, caller }) => {
        caller.demand(name, "metadata/read");
        if (!(await metadata.hasRepository(parseRepositoryName(name))) && !(await streamings.knows(name))) {
          throw new RegistryError("NAME_UNKNOWN", `no repository ${name}`);
        }
        const { streaming, skipped } = await streamings.of(name);
        return { name, streaming, skipped: [...skipped] };
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "PATCH",
      path: "/repository",
      summary: "Changes a repository's settings, also of one that nothing has been pushed to yet.",
      query: named,
      body: z.object({ streaming: streaming }),
      answer: repository,
      run: async ({ query: { name }, body, caller }) => {
        caller.demand(name, "metadata/write");
        const { streaming, skipped } = await streamings.set(name, body.streaming);
        return { name, streaming, skipped: [...skipped] };
      },
    },
    authorize,
  );
}
