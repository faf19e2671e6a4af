import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { may } from "../../access/principal.js";
import { expiresAt } from "../../deleted/deleted-images.js";
import { restoreManifest } from "../../deleted/restore-manifest.js";
import { setSoftDeletePolicy } from "../../deleted/soft-delete-policy.js";
import { everyRepository } from "../../metadata/metadata-store.js";
import { type ChangePlaces, removeAll } from "../../registry/change-manifests.js";
import { parseRequestDigest, parseTag } from "../../registry/manifest-reference.js";
import { RegistryError } from "../../registry/registry-error.js";
import { parseRepositoryName } from "../../registry/repository-name.js";
import { type Authorize, addApiRoute } from "./api-route.js";
import { last, n, repositoryName } from "./query-schemas.js";

const policy = z.strictObject({
  status: z.enum(["enabled", "disabled"]),
  days: z
    .number()
    .int()
    .min(1)
    .max(90)
    .describe("How long what is deleted can be restored; counts for what was deleted before, too."),
});
const page = z.object({ repository: repositoryName, n, last });
const times = { deletedAt: z.iso.datetime(), expiresAt: z.iso.datetime() };
const deletedManifest = z.object({
  digest: z.string(),
  mediaType: z.string(),
  sizeBytes: z.number().int(),
  tags: z.array(z.string()),
  deletedBy: z.string(),
  ...times,
});

/** Soft delete: its policy, for administrators; what was deleted, for those who may list a repository; and how to have it back, for those who may push. */
export function addDeletedRoutes(
  api: FastifyInstance,
  places: ChangePlaces,
  { admin, loggedIn }: { readonly admin: Authorize; readonly loggedIn: Authorize },
): void {
  addPolicyRoutes(api, places, admin);
  addListRoutes(api, places, loggedIn);
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/restorations",
      summary:
        "Brings back a deleted manifest, or a deleted tag of one that is there. Neither what refers to it nor the manifests of an index come with it.",
      body: z.strictObject({
        repository: repositoryName,
        tag: z
          .string()
          .max(128)
          .optional()
          .describe("It alone is put back, not the others that went with the manifest."),
        digest: z.string().max(200).optional().describe("Default: what the tag pointed at when it was deleted last."),
        force: z.boolean().default(false).describe("Move the tag from another image."),
      }),
      answer: z.object({ repository: z.string(), tag: z.string().optional(), digest: z.string() }),
      run: async ({ body, caller }) => {
        const repository = parseRepositoryName(body.repository);
        caller.demand(repository, "content/write");
        const request = {
          repository,
          tag: body.tag === undefined ? undefined : parseTag(body.tag),
          digest: body.digest === undefined ? undefined : parseRequestDigest(body.digest),
          force: body.force,
        };
        const digest = await restoreManifest(places, request, { caller: caller.principal.name, via: "push" });
        return { repository, ...(body.tag !== undefined && { tag: body.tag }), digest };
      },
    },
    loggedIn,
  );
  addApiRoute(
    api,
    {
      method: "DELETE",
      path: "/repository",
      summary: "Deletes all manifests and tags of a repository, streaming artifacts with them.",
      query: z.object({ name: repositoryName }),
      answer: z.object({ deletedManifests: z.number().int() }),
      run: async ({ query, caller, signal }) => {
        const repository = parseRepositoryName(query.name);
        caller.demand(repository, "content/delete");
        if (!(await places.metadata.hasRepository(repository)))
          throw new RegistryError("NAME_UNKNOWN", `no repository ${repository}`);
        const origin = { caller: caller.principal.name, via: "push" } as const;
        return { deletedManifests: await removeAll(places, repository, origin, { signal }) };
      },
    },
    loggedIn,
  );
}

function addPolicyRoutes(api: FastifyInstance, { deleted }: ChangePlaces, authorize: Authorize): void {
  const current = async (): Promise<z.input<typeof policy>> => {
    const { isEnabled, days } = await deleted.policy();
    return { status: isEnabled ? "enabled" : "disabled", days };
  };
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/settings/soft-delete",
      summary: "Whether what is deleted can be restored, and for how long.",
      answer: policy,
      run: current,
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "PATCH",
      path: "/settings/soft-delete",
      summary: "Changes what is given of that.",
      body: policy.partial(),
      answer: policy,
      run: async ({ body }) => {
        const before = await deleted.policy();
        const isEnabled = body.status === undefined ? before.isEnabled : body.status === "enabled";
        await setSoftDeletePolicy(deleted.records, { isEnabled, days: body.days ?? before.days });
        return await current();
      },
    },
    authorize,
  );
}

function addListRoutes(api: FastifyInstance, { deleted, metadata }: ChangePlaces, authorize: Authorize): void {
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/deleted-repositories",
      summary: "Repositories, of those that the caller may list, that have deleted manifests.",
      answer: z.object({ repositories: z.array(z.string()) }),
      run: async ({ caller, signal }) => {
        const repositories: string[] = [];
        for await (const name of everyRepository(metadata, { signal })) {
          if (!may(caller.principal, name, "metadata/read")) continue;
          if ((await deleted.manifests(name, { limit: 1 })).length > 0) repositories.push(name);
        }
        return { repositories };
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/deleted-manifests",
      summary: "Manifests of a repository that can be restored, by digest. Of streaming artifacts there are none.",
      query: page,
      answer: z.object({ manifests: z.array(deletedManifest) }),
      run: async ({ query, caller }) => {
        caller.demand(query.repository, "metadata/read");
        const [found, now] = [
          await deleted.manifests(query.repository, { after: query.last, limit: query.n }),
          await deleted.policy(),
        ];
        return {
          manifests: found.map((one) => ({ ...one, tags: [...one.tags], expiresAt: expiresAt(one.deletedAt, now) })),
        };
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/deleted-tags",
      summary: "Tags of a repository that can be put back, by name.",
      query: page,
      answer: z.object({ tags: z.array(z.object({ tag: z.string(), digest: z.string(), ...times })) }),
      run: async ({ query, caller }) => {
        caller.demand(query.repository, "metadata/read");
        const [found, now] = [
          await deleted.tags(query.repository, { after: query.last, limit: query.n }),
          await deleted.policy(),
        ];
        return { tags: found.map((one) => ({ ...one, expiresAt: expiresAt(one.deletedAt, now) })) };
      },
    },
    authorize,
  );
}
