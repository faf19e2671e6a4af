import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { may } from "../../access/principal.js";
import { RegistryError } from "../../registry/registry-error.js";
import { notifiedRepositories } from "../../upstream/notifications.js";
import type { UpstreamWatch } from "../../upstream/upstream-watch.js";
import type { Upstreams } from "../../upstream/upstreams.js";
import { type Authorize, addApiRoute } from "./api-route.js";

export interface UpstreamPlaces {
  readonly upstreams: Upstreams;
  readonly watch: UpstreamWatch;
}

/** Where other registries tell of pushes. */
export function addUpstreamRoutes(
  api: FastifyInstance,
  { upstreams, watch }: UpstreamPlaces,
  authorize: Authorize,
): void {
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/upstreams/:prefix/notifications",
      summary:
        "Told of a push by another registry (notifications of distribution, webhooks of Harbor, events of zot), looks there at once, in those of " +
        "the repositories that the caller may write and whose streaming is active.",
      params: z.object({ prefix: z.string().max(255) }),
      body: z.looseObject({}),
      answer: z.object({ repositories: z.array(z.string()).describe("Names here that are looked at.") }),
      status: 202,
      run: async ({ params: { prefix }, body, caller }) => {
        if (!upstreams.prefixes.includes(prefix)) {
          throw new RegistryError("NAME_UNKNOWN", "there is no upstream of that name (serve --upstream PREFIX=HOST)");
        }
        const notified = notifiedRepositories(body);
        if (notified === undefined) {
          const known = "the notifications of distribution, Harbor and zot are understood";
          throw new RegistryError("UNSUPPORTED", `body: no notification; ${known}`, undefined, { status: 400 });
        }
        const names = notified.flatMap((repository) => upstreams.nameOf(prefix, repository) ?? []);
        const wanted = names.filter((name) => may(caller.principal, name, "content/write"));
        for (const name of wanted) watch.wake(name);
        return { repositories: wanted };
      },
    },
    authorize,
  );
}
