import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { may } from "../../access/principal.js";
import type { RepositoryStreaming } from "../../operations/repository-streaming.js";
import { streamingStates } from "../../operations/repository-streaming.js";
import { RegistryError } from "../../registry/registry-error.js";
import { parseRepositoryName, type RepositoryName } from "../../registry/repository-name.js";
import type { UpstreamWatch } from "../../upstream/upstream-watch.js";
import { type RepositoryPlaces, visibleRepositories } from "../known-repositories.js";
import { type Authorize, addApiRoute } from "./api-route.js";
import { last, n, repositoryName } from "./query-schemas.js";

export interface RepositorySettingPlaces extends RepositoryPlaces {
  readonly watch: UpstreamWatch;
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
  upstream: z.string().optional().describe("HOST/REPOSITORY of one that another registry keeps."),
  upstreamProblem: z.string().optional().describe("Why the last look there failed."),
});

/** Repositories and whether what is pushed into them is converted by itself: for who may read them, and change their settings. */
export function addRepositoryRoutes(api: FastifyInstance, places: RepositorySettingPlaces, authorize: Authorize): void {
  const { metadata, streamings, upstreams, watch } = places;
  const shown = (name: RepositoryName, { streaming, skipped }: RepositoryStreaming) => {
    const place = upstreams.placeOf(name);
    const problem = watch.problemOf(name);
    return {
      ...{ name, streaming, skipped: [...skipped] },
      ...(place && { upstream: `${place.upstream.host}/${place.repository}` }),
      ...(problem !== undefined && { upstreamProblem: problem }),
    };
  };
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/repositories",
      summary: "The repositories that the caller may list, by name.",
      query: z.object({ n, last }),
      answer: z.object({ repositories: z.array(repository.pick({ name: true, streaming: true })) }),
      run: async ({ query, caller }) => {
        const page = { after: query.last, limit: query.n };
        const names = await visibleRepositories(places, page, (name) => may(caller.principal, name, "metadata/read"));
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
      run: async ({ query, caller }) => {
        caller.demand(query.name, "metadata/read");
        const name = parseRepositoryName(query.name);
        const isKnown = (await metadata.hasRepository(name)) || (await streamings.knows(name));
        if (!isKnown && upstreams.placeOf(name) === undefined) {
          throw new RegistryError("NAME_UNKNOWN", `no repository ${name}`);
        }
        return shown(name, await streamings.of(name));
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
      run: async ({ query, body, caller, signal }) => {
        caller.demand(query.name, "metadata/write");
        const name = parseRepositoryName(query.name);
        const isBegin = body.streaming === "Active" && (await streamings.of(name)).streaming !== "Active";
        if (isBegin) {
          streamings.demandEnabled();
          await watch.passOver(name, signal);
        }
        return shown(name, await streamings.set(name, body.streaming));
      },
    },
    authorize,
  );
}
