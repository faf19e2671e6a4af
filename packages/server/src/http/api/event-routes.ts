import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ActivityLog } from "../../events/activity-log.js";
import { type Authorize, addApiRoute } from "./api-route.js";

const activity = z.object({
  id: z.string(),
  time: z.iso.datetime(),
  actor: z.string().describe("Name of the account; empty for those who do not log in."),
  action: z.enum(["push", "import", "delete", "settings"]),
  subject: z.string().describe("REPOSITORY:TAG, REPOSITORY@DIGEST, or the method and path that changed a setting."),
});

/** Who did what: for administrators. */
export function addEventRoutes(api: FastifyInstance, activities: ActivityLog, authorize: Authorize): void {
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/events",
      summary:
        "Pushes, imports, deletions and changes of settings, from the last to the first. The last ten thousand are kept.",
      query: z.object({
        after: z.string().max(100).optional().describe("The last id of the page before."),
        limit: z.coerce.number().int().min(1).max(1000).default(100),
      }),
      answer: z.object({ events: z.array(activity) }),
      run: async ({ query }) => ({ events: [...(await activities.list(query))] }),
    },
    authorize,
  );
}

/** Requests of the API that leave a trace of their own, or change no setting. */
const notSettings = /^\/(?:imports|operations|garbage-collections|snapshots)(?:\/|$)|\/ping$/;

/** Notes what changes settings, before the answer goes. */
export function noteSettings(
  api: FastifyInstance,
  activities: ActivityLog,
  nameOf: (request: object) => string | undefined,
): void {
  api.addHook("onSend", async (request, reply, payload) => {
    const actor = nameOf(request);
    const path = (request.url.split("?")[0] ?? "").replace(/^\/api\/v1/, "");
    const isChange = request.method !== "GET" && reply.statusCode < 300 && !notSettings.test(path);
    if (isChange && actor !== undefined) await activities.noteSetting(actor, `${request.method} ${path}`.slice(0, 400));
    return payload;
  });
}
