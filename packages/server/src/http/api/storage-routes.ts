import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { collectGarbage, defaultGraceMs } from "../../garbage/collect-garbage.js";
import { measureUsage } from "../../garbage/usage.js";
import { RegistryError } from "../../registry/registry-error.js";
import { parseRepositoryName } from "../../registry/repository-name.js";
import type { RegistryPlaces } from "../places.js";
import { type Authorize, addApiRoute } from "./api-route.js";
import { quotaSettings, shownQuota } from "./quota-routes.js";

const bytes = z.number().int().nonnegative();

/** What the registry's bytes are, and how to have fewer: for administrators. */
export function addStorageRoutes(
  api: FastifyInstance,
  { metadata, blobs, quota, snapshots }: Pick<RegistryPlaces, "metadata" | "blobs" | "quota" | "snapshots">,
  authorize: Authorize,
): void {
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/usage",
      summary: "Bytes by repository, of originals and of streaming artifacts. Reads every manifest.",
      answer: z.object({
        storedBytes: bytes.describe("On the storage: a blob that several repositories hold counts once."),
        quota: quotaSettings,
        repositories: z.array(
          z.object({
            repository: z.string(),
            originalBytes: bytes,
            streamingBytes: bytes,
            unusedBytes: bytes,
            manifests: bytes,
            maxBytes: bytes.nullable().describe("Its quota; null: none of its own."),
          }),
        ),
      }),
      run: async ({ signal }) => {
        const { storedBytes, repositories } = await measureUsage(metadata, blobs, { signal });
        const limited = repositories.map(async (usage) => {
          const { maxBytes } = await quota.settings(parseRepositoryName(usage.repository));
          return { ...usage, maxBytes: maxBytes ?? null };
        });
        return {
          storedBytes,
          quota: shownQuota(await quota.settings()),
          repositories: await Promise.all(limited),
        };
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/garbage-collections",
      summary: "Removes blobs that no manifest has named for some time, or tells what it would remove.",
      body: z.object({
        dryRun: z.boolean().default(false),
        graceSeconds: z
          .number()
          .int()
          .nonnegative()
          .max(365 * 86_400)
          .default(defaultGraceMs / 1000),
      }),
      answer: z.object({ unlinkedBlobs: bytes, removedBlobs: bytes, removedBytes: bytes, dryRun: z.boolean() }),
      run: async ({ body, signal }) => {
        const graceMs = body.graceSeconds * 1000;
        const collection = await collectGarbage(metadata, blobs, { dryRun: body.dryRun, graceMs, signal });
        quota.forgetSum();
        return collection;
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/snapshots",
      summary:
        "Copies the metadata as it is at one moment to registry/snapshots/NAME below the data root, for `serve backup`.",
      answer: z.object({ name: z.string() }),
      status: 201,
      run: async () => {
        if (snapshots !== undefined) return { name: await snapshots.take() };
        throw new RegistryError(
          "UNSUPPORTED",
          "this registry is on PostgreSQL and S3: back up these, with their own means",
        );
      },
    },
    authorize,
  );
}
