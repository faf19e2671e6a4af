import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Quota, QuotaSettings } from "../../garbage/quota.js";
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

/** How much the registry may hold: for administrators. */
export function addQuotaRoutes(api: FastifyInstance, quota: Quota, authorize: Authorize): void {
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/settings/quota",
      summary: "How much the registry may hold.",
      answer: quotaSettings,
      run: async () => shownQuota(await quota.settings()),
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
      body: z.strictObject(settings).partial(),
      answer: quotaSettings,
      run: async ({ body }) => {
        const before = await quota.settings();
        const max = body.maxBytes === undefined ? before.maxBytes : (body.maxBytes ?? undefined);
        await quota.change({
          warnPercent: body.warnPercent ?? before.warnPercent,
          ...(max !== undefined && { maxBytes: max }),
        });
        return shownQuota(await quota.settings());
      },
    },
    authorize,
  );
}

export const shownQuota = ({ maxBytes, warnPercent }: QuotaSettings): z.input<typeof quotaSettings> => ({
  maxBytes: maxBytes ?? null,
  warnPercent,
});
