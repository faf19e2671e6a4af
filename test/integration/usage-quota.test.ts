import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluice, sluiceJson } from "../support/sluice.js";

describe("usage quota --repository, by the command line", () => {
  let registry: RunningRegistry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const usage = (...args: readonly string[]) => sluiceJson(["usage", ...args, "--registry", registry.host]);
  async function push(repository: string, letter: string): Promise<number> {
    const body = letter.repeat(900);
    const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
    const place = `http://${registry.host}/v2/${repository}/blobs/uploads/?digest=${digest}`;
    return (await fetch(place, { method: "POST", body })).status;
  }

  it("bounds this repository and no other, shows it, and takes it away again (AS4)", async () => {
    const ofApp = ["quota", "--repository", "app"];
    expect(await usage(...ofApp, "--max", "1KiB", "--warn", "50")).toEqual({ maxBytes: 1024, warnPercent: 50 });
    expect(await usage(...ofApp)).toEqual({ maxBytes: 1024, warnPercent: 50 });
    expect(await usage("quota")).toEqual({ maxBytes: null, warnPercent: 80 });
    expect([await push("app", "a"), await push("app", "b"), await push("other", "b")]).toEqual([201, 403, 201]);
    expect((await usage("show"))["repositories"]).toMatchObject([
      { repository: "app", maxBytes: 1024 },
      { repository: "other", maxBytes: null },
    ]);
    expect(await usage(...ofApp, "--max", "none")).toMatchObject({ maxBytes: null });
    expect(await push("app", "b")).toBe(201);
  });

  it("refuses a size that is none, before it asks the registry", async () => {
    const { code, stderr } = await sluice(["usage", "quota", "--repository", "app", "--max", "much"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("expected a size such as 500GiB, or none")]);
  });
});
