import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Account, Accounts } from "../../access/accounts.js";
import { actions, repositoryPattern } from "../../access/grants.js";
import type { Record } from "../../records/records.js";
import { RegistryError } from "../../registry/registry-error.js";
import { type Authorize, addApiRoute } from "./api-route.js";

/** Of accounts and scope maps. A colon would end it in Basic. */
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, "expected letters, digits and . _ @ -, 100 at most");
const named = z.object({ name });
const grant = z.object({
  repository: z.string().max(255).regex(repositoryPattern, "expected a repository, or the beginning of one and a *"),
  actions: z.array(z.enum(actions)).min(1).max(actions.length),
});
const scopeMap = z.object({ name, grants: z.array(grant) });
const place = z.union([z.literal(1), z.literal(2)]);
const account = z.object({
  name,
  kind: z.enum(["user", "token"]),
  isAdmin: z.boolean(),
  scopeMap: name.optional(),
  isDisabled: z.boolean(),
  passwords: z.array(z.object({ place, createdAt: z.iso.datetime(), expiresAt: z.iso.datetime().optional() })),
});
const secret = z.object({ name, password: z.string() });
const done = z.object({});

/** Accounts and what they may do: for administrators. */
export function addAccountRoutes(api: FastifyInstance, accounts: Accounts, authorize: Authorize): void {
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/accounts",
      summary: "The users and tokens, without their secrets.",
      answer: z.object({ accounts: z.array(account) }),
      run: async () => ({ accounts: (await accounts.list()).map(shown) }),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/accounts",
      summary: "Makes a user or a token. The answer holds its password, which is shown this once.",
      body: z.object({
        name,
        kind: z.enum(["user", "token"]),
        isAdmin: z.boolean().default(false),
        scopeMap: name.optional(),
      }),
      answer: secret,
      status: 201,
      run: async ({ body }) => ({
        name: body.name,
        password: await accounts.create(body.name, { kind: body.kind, isAdmin: body.isAdmin, scopeMap: body.scopeMap }),
      }),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "PATCH",
      path: "/accounts/:name",
      summary: "Disables an account, or enables it again, or gives it another scope map.",
      params: named,
      body: z.object({ isDisabled: z.boolean().optional(), scopeMap: name.optional() }),
      answer: done,
      run: async ({ params, body }) => {
        await accounts.update(params.name, {
          ...(body.isDisabled !== undefined && { isDisabled: body.isDisabled }),
          ...(body.scopeMap !== undefined && { scopeMap: body.scopeMap }),
        });
        return {};
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "DELETE",
      path: "/accounts/:name",
      summary: "Removes an account.",
      params: named,
      answer: done,
      run: async ({ params }) => found(await accounts.remove(params.name), `account ${params.name}`),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/accounts/:name/passwords",
      summary:
        "Makes a new password in one of an account's two places; the one that was there ends. It is shown this once.",
      params: named,
      body: z.object({ place, expiresAt: z.iso.datetime().optional() }),
      answer: secret,
      status: 201,
      run: async ({ params, body }) => ({
        name: params.name,
        password: await accounts.renewPassword(params.name, body.place, body.expiresAt),
      }),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/scope-maps",
      summary: "What accounts may do, by name.",
      answer: z.object({ scopeMaps: z.array(scopeMap) }),
      run: async () => ({
        scopeMaps: (await accounts.scopeMaps()).map(({ key, document }) => ({
          name: key,
          grants: document.grants.map((one) => ({ repository: one.repository, actions: [...one.actions] })),
        })),
      }),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "PUT",
      path: "/scope-maps/:name",
      summary: "Says what accounts with this scope map may do.",
      params: named,
      body: z.object({ grants: z.array(grant).max(500) }),
      answer: done,
      run: async ({ params, body }) => {
        await accounts.putScopeMap(params.name, body.grants);
        return {};
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "DELETE",
      path: "/scope-maps/:name",
      summary: "Removes a scope map. Accounts that have it may do nothing then.",
      params: named,
      answer: done,
      run: async ({ params }) => found(await accounts.removeScopeMap(params.name), `scope map ${params.name}`),
    },
    authorize,
  );
}

const shown = ({ key, document }: Record<Account>): z.input<typeof account> => ({
  name: key,
  kind: document.kind,
  isAdmin: document.isAdmin,
  isDisabled: document.isDisabled,
  ...(document.scopeMap !== undefined && { scopeMap: document.scopeMap }),
  passwords: document.passwords.flatMap((password, at) =>
    password === undefined || password === null
      ? []
      : [
          {
            place: at === 0 ? 1 : 2,
            createdAt: password.createdAt,
            ...(password.expiresAt !== undefined && { expiresAt: password.expiresAt }),
          } as const,
        ],
  ),
});

function found(wasThere: boolean, what: string): z.input<typeof done> {
  if (!wasThere) throw new RegistryError("NAME_UNKNOWN", `there is no ${what}`);
  return {};
}
