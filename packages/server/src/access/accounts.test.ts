import { describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.js";

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
