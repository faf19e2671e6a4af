import { createHook } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.js";
import { defaultSecretCost, hashSecret } from "./secrets.js";

/** How often scrypt runs meanwhile. */
async function derivationsOf(work: () => Promise<unknown>): Promise<number> {
  let derivations = 0;
  const hook = createHook({
    init: (_, type) => {
      if (type === "SCRYPTREQUEST") derivations++;
    },
  }).enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  return derivations;
}

const json = { "content-type": "application/json" };

/** @returns how to log in as it */
async function makeAdmin(registry: TestServer, name: string, login: object): Promise<object> {
  const body = JSON.stringify({ name, kind: "user", isAdmin: true });
  const response = await registry.send("POST", "/api/v1/accounts", { body, headers: { ...json, ...login } });
  const { password } = (await response.json()) as { password: string };
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` };
}

describe("the last administrator", () => {
  it("can be neither removed nor disabled: without accounts the registry would be open again", async () => {
    await using registry = await startTestServer();
    const login = { ...(await makeAdmin(registry, "first", {})) };
    const remove = (name: string) => registry.send("DELETE", `/api/v1/accounts/${name}`, { headers: login });
    const disable = (name: string) =>
      registry.send("PATCH", `/api/v1/accounts/${name}`, {
        headers: { ...json, ...login },
        body: JSON.stringify({ isDisabled: true }),
      });
    expect([(await remove("first")).status, (await disable("first")).status]).toEqual([400, 400]);
    await makeAdmin(registry, "second", login);
    expect((await disable("second")).status).toBe(200);
    expect(await (await remove("first")).text()).toContain("user create NAME --admin");
    expect((await remove("second")).status).toBe(200);
  });
});

describe("a login", () => {
  it("takes one derivation, whoever it says it is: names cannot be told apart by its time", async () => {
    await using registry = await startTestServer();
    const login = { ...(await makeAdmin(registry, "admin", {})) };
    const post = async (path: string, body: object): Promise<string> => {
      const headers = { ...json, ...login };
      const response = await registry.send("POST", `/api/v1/accounts${path}`, { body: JSON.stringify(body), headers });
      return ((await response.json()) as { password: string }).password;
    };
    const passwords = {
      one: await post("", { name: "one", kind: "user" }),
      first: await post("", { name: "two", kind: "user" }),
      second: await post("/two/passwords", { place: 2 }),
      first2: await post("/two/passwords", { place: 1 }),
    };
    const statusOf = async (name: string, password: string): Promise<readonly number[]> => {
      const headers = { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` };
      let status = 0;
      const derivations = await derivationsOf(async () => {
        status = (await registry.send("GET", "/v2/", { headers })).status;
      });
      return [status, derivations];
    };
    expect(await statusOf("one", passwords.one)).toEqual([200, 1]);
    expect(await statusOf("two", passwords.second)).toEqual([200, 1]);
    expect(await statusOf("two", passwords.first2)).toEqual([200, 1]);
    expect(await statusOf("two", passwords.first)).toEqual([401, 1]);
    expect(await statusOf("nobody", "wrong")).toEqual([401, 1]);
    expect(await statusOf("one", "x".repeat(2000))).toEqual([401, 0]);
    expect(await statusOf("nobody", "x".repeat(2000))).toEqual([401, 0]);
  });

  it("costs what OWASP advises", async () => {
    expect(await hashSecret("any", defaultSecretCost)).toMatchObject({ n: 32_768, r: 8, p: 3 });
  });
});
