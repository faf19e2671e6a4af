import { createImageIndex } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluice, sluiceJson } from "../support/sluice.js";

describe("soft delete, by the command line", () => {
  let registry: RunningRegistry;
  const manage = (...args: readonly string[]) => sluiceJson([...args, "--registry", registry.host]);
  const { bytes, digest, mediaType } = createImageIndex([]);
  const send = (method: string, reference: string) =>
    fetch(`http://${registry.host}/v2/app/manifests/${reference}`, {
      method,
      headers: { "content-type": mediaType },
      ...(method === "PUT" && { body: Buffer.from(bytes) }),
    });

  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it("lists what was deleted and restores it (AS42)", async () => {
    const set = await manage("config", "soft-delete", "update", "--days", "9", "--status", "enabled");
    expect(set).toEqual({ status: "enabled", days: 9 });
    await send("PUT", "1");
    await send("DELETE", digest);
    expect(await manage("manifest", "list-deleted", "-n", "app")).toMatchObject({
      manifests: [{ digest, tags: ["1"] }],
    });
    expect(await manage("manifest", "list-deleted-tags", "-n", "app")).toMatchObject({ tags: [{ tag: "1", digest }] });
    expect(await manage("repository", "list-deleted")).toEqual({ repositories: ["app"] });
    const refused = await send("PUT", "1");
    expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining("manifest restore -n app:1")]);
    expect(await manage("manifest", "restore", "-n", "app:1")).toMatchObject({ repository: "app", tag: "1", digest });
    expect((await send("GET", "1")).status).toBe(200);
  });

  it("deletes a repository only when it is meant, and restores by digest", async () => {
    const asked = await sluice(["repository", "delete", "app", "--registry", registry.host]);
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining("--yes")]);
    expect(await manage("repository", "delete", "app", "--yes")).toEqual({ name: "app", deletedManifests: 1 });
    expect(await manage("manifest", "restore", "-n", "app", "-d", digest)).toMatchObject({ digest });
    expect([(await send("GET", digest)).status, (await send("GET", "1")).status]).toEqual([200, 404]);
  });
});
