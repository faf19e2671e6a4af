import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { QuotaSettings } from "../../garbage/allowance.js";
import type { Quota } from "../../garbage/quota.js";
import { parseRepositoryName } from "../../registry/repository-name.js";
import type { Upstreams } from "../../upstream/upstreams.js";
import { type Authorize, addApiRoute } from "./api-route.js";

const settings = {
  maxBytes: z
    .number()
    .int()
    .positive()
    .nullable()
    .describe("Of blobs on the storage; null: as much as there is room for."),
  warnPercent: z.number().int().min(1).max(100).describe("Pushes are answered with a warning from this share on."),
};
export const quotaSettings: z.ZodObject<{ maxBytes: z.ZodNullable<z.ZodNumber>; warnPercent: z.ZodNumber }> =
  z.object(settings);

const query = z.object({
  repository: z.string().max(255).optional().describe("Of this repository; without it, of the registry."),
});

/** How much the registry and its repositories may hold: for administrators. */
export function addQuotaRoutes(
  api: FastifyInstance,
  { quota, upstreams }: { readonly quota: Quota; readonly upstreams: Upstreams },
  authorize: Authorize,
): void {
  const named = (repository: string | undefined) => {
    if (repository === undefined) return undefined;
    upstreams.demandOwn(repository);
    return parseRepositoryName(repository);
  };
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/settings/quota",
      summary: "How much the registry may hold, or one of its repositories.",
      query,
      answer: quotaSettings,
      run: async ({ query: { repository } }) => shownQuota(await quota.settings(named(repository))),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "PATCH",
      path: "/settings/quota",
      summary:
        "Changes what is given of that. Pushes beyond it are refused; what is there stays. Other processes know within half a minute.",
      query,
      body: z.strictObject(settings).partial(),
      answer: quotaSettings,
      run: async ({ body, query: { repository } }) => {
        const name = named(repository);
        const before = await quota.settings(name);
        const max = body.maxBytes === undefined ? before.maxBytes : (body.maxBytes ?? undefined);
        const warnPercent = body.warnPercent ?? before.warnPercent;
        await quota.change({ warnPercent, ...(max !== undefined && { maxBytes: max }) }, name);
        return shownQuota(await quota.settings(name));
      },
    },
    authorize,
  );
}

export const shownQuota = ({ maxBytes, warnPercent }: QuotaSettings): z.input<typeof quotaSettings> => ({
  maxBytes: maxBytes ?? null,
  warnPercent,
});
