import { type AddressRule, checkLiteral, redactUrl } from "@sluice/oci";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Record } from "../../records/records.js";
import { RegistryError } from "../../registry/registry-error.js";
import type { DeliveryQueue } from "../../webhooks/delivery-queue.js";
import type { Notices } from "../../webhooks/notices.js";
import { isScope, type Webhook, webhookActions } from "../../webhooks/webhook.js";
import type { Webhooks } from "../../webhooks/webhooks.js";
import { type Authorize, addApiRoute } from "./api-route.js";

export interface WebhookPlaces {
  readonly webhooks: Webhooks;
  readonly notices: Notices;
  readonly deliveryQueue: DeliveryQueue;
  /** Where webhooks may lead. */
  readonly addresses: AddressRule;
}

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,49}$/, "expected letters, digits and -, 50 at most");
const named = z.object({ name });
/** What the connection itself is made of. */
const reservedHeaders = /^(?:host|content-.*|connection|transfer-encoding|te|trailer|upgrade|keep-alive|proxy-.*)$/i;
const headers = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z0-9-]{1,100}$/, "expected the name of a header")
      .refine((text) => !reservedHeaders.test(text), "this header is the registry's own affair"),
    z.string().regex(/^[ -~]{0,4096}$/, "expected printable ASCII, 4096 at most"),
  )
  .refine((all) => Object.keys(all).length <= 20, "20 at most");
const settings = {
  url: z.url({ protocol: /^https?$/ }).max(2048),
  actions: z.array(z.enum(webhookActions)).min(1),
  scope: z.string().max(400).refine(isScope, "expected *, REPOSITORY:* or REPOSITORY:TAG"),
  status: z.enum(["enabled", "disabled"]),
  headers,
  secret: z.string().min(8).max(256),
};
const creation = z.strictObject({
  ...settings,
  name,
  scope: settings.scope.default("*"),
  status: settings.status.default("enabled"),
  headers: headers.default({}),
  secret: settings.secret.optional(),
});
const update = z.strictObject(settings).partial();
const shown = z.object({
  name,
  actions: settings.actions,
  scope: z.string(),
  status: settings.status,
  createdAt: z.iso.datetime(),
});
const config = z.object({
  url: z.string().describe("Without its user part and the values of its query."),
  headers: z.array(z.string()).describe("Their names."),
  hasSecret: z.boolean(),
});
const report = z.object({
  id: z.string(),
  action: z.string(),
  image: z.string(),
  timestamp: z.iso.datetime(),
  attempts: z.number().int(),
  httpStatus: z.number().int().optional(),
  error: z.string().optional(),
  state: z.enum(["waiting", "delivered", "given-up"]),
});
const done = z.object({});

/** Who is told of pushes and deletions: for administrators. */
export function addWebhookRoutes(api: FastifyInstance, places: WebhookPlaces, authorize: Authorize): void {
  const { webhooks } = places;
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/webhooks",
      summary:
        "Makes a webhook. Its headers, its secret and the values of its URL's query are shown to nobody afterwards.",
      body: creation,
      answer: shown,
      status: 201,
      run: async ({ body }) => {
        const { name: wanted, status, ...rest } = body;
        checkUrl(body.url, places.addresses);
        const document = { ...rest, isEnabled: status === "enabled", createdAt: new Date().toISOString() };
        await webhooks.create(wanted, document);
        return shownOf({ key: wanted, document });
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/webhooks",
      summary: "The webhooks.",
      answer: z.object({ webhooks: z.array(shown) }),
      run: async () => ({ webhooks: (await webhooks.list()).map(shownOf) }),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/webhooks/:name",
      summary: "One webhook.",
      params: named,
      answer: shown,
      run: async ({ params }) => shownOf(await webhooks.get(params.name)),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "PATCH",
      path: "/webhooks/:name",
      summary: "Changes what is given of a webhook; given headers take the place of all before.",
      params: named,
      body: update,
      answer: shown,
      run: async ({ params, body }) => {
        const { status, ...rest } = body;
        if (body.url !== undefined) checkUrl(body.url, places.addresses);
        await webhooks.change(params.name, {
          ...given(rest),
          ...(status !== undefined && { isEnabled: status === "enabled" }),
        });
        return shownOf(await webhooks.get(params.name));
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "DELETE",
      path: "/webhooks/:name",
      summary: "Removes a webhook, what it was not told yet, and its history.",
      params: named,
      answer: done,
      run: async ({ params }) => {
        if (!(await webhooks.delete(params.name)))
          throw new RegistryError("NAME_UNKNOWN", `there is no webhook ${params.name}`);
        await places.deliveryQueue.forget(params.name);
        return {};
      },
    },
    authorize,
  );
  addDeliveryRoutes(api, places, authorize);
}

/** What a webhook was told. */
function addDeliveryRoutes(
  api: FastifyInstance,
  { deliveryQueue, notices, webhooks }: WebhookPlaces,
  authorize: Authorize,
): void {
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/webhooks/:name/config",
      summary: "Where a webhook leads, without what is secret of it.",
      params: named,
      answer: config,
      run: async ({ params }) => {
        const { document } = await webhooks.get(params.name);
        const { headers: sent, secret, url } = document;
        return { url: redactUrl(url), headers: Object.keys(sent), hasSecret: secret !== undefined };
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/webhooks/:name/ping",
      summary: "Sends a ping to a webhook; what becomes of it, its events say.",
      params: named,
      answer: z.object({ id: z.string() }),
      status: 202,
      run: async ({ params }) => ({ id: await notices.ping(params.name) }),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/webhooks/:name/events",
      summary: "What a webhook was told, from the last to the first, and what it answered. The last thousand are kept.",
      params: named,
      query: z.object({
        after: z.string().max(100).optional().describe("The last id of the page before."),
        limit: z.coerce.number().int().min(1).max(1000).default(100),
      }),
      answer: z.object({ events: z.array(report) }),
      run: async ({ params, query }) => {
        await webhooks.get(params.name);
        return { events: [...(await deliveryQueue.reports(params.name, query))] };
      },
    },
    authorize,
  );
}

const shownOf = ({ key, document }: Pick<Record<Webhook>, "key" | "document">): z.input<typeof shown> => ({
  name: key,
  actions: [...document.actions],
  scope: document.scope,
  status: document.isEnabled ? "enabled" : "disabled",
  createdAt: document.createdAt,
});

/** Without what is undefined. */
const given = (changes: { readonly [Key in keyof Webhook]?: Webhook[Key] | undefined }): Partial<Webhook> =>
  Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));

/** Names are looked at when they are connected to; an address in the URL, now. */
function checkUrl(text: string, addresses: AddressRule): void {
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    throw refused("a user in the URL would be shown in logs of others; give the header Authorization instead");
  }
  try {
    checkLiteral(url.hostname, addresses);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error));
  }
}

const refused = (problem: string): RegistryError =>
  new RegistryError("UNSUPPORTED", `body.url: ${problem}`, undefined, { status: 400 });
