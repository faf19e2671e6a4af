import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { missingPrograms } from "@sluice/oci/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluice, sluiceJson } from "../support/sluice.js";

const run = promisify(execFile);
const missing = missingPrograms({ skopeo: "skopeo", umoci: "umoci" });

describe.skipIf(missing !== "")(`a registry with accounts, by the command line ${missing}`, () => {
  let registry: RunningRegistry;
  let folder: string;
  let admin: { readonly SLUICE_PASSWORD: string };
  let token: string;
  const manage = (...args: readonly string[]) =>
    sluiceJson([...args, "--registry", registry.host, "--username", "admin"], admin);

  beforeAll(async () => {
    registry = await startRegistry();
    folder = await mkdtemp(join(tmpdir(), "sluice-access-"));
    const made = await sluiceJson(["user", "create", "admin", "--admin", "--registry", registry.host]);
    admin = { SLUICE_PASSWORD: String(made["password"]) };
    await manage("scope-map", "set", "build", "--repository", "team/*=content/read,content/write,metadata/read");
    token = String((await manage("token", "create", "ci", "--scope-map", "build"))["password"]);
    await run("umoci", ["init", "--layout", `${folder}/image`]);
    await run("umoci", ["new", "--image", `${folder}/image:v1`]);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const push = (repository: string, credentials: string) =>
    run("skopeo", [
      "--insecure-policy",
      "copy",
      "--dest-tls-verify=false",
      "--dest-creds",
      credentials,
      `oci:${folder}/image:v1`,
      `docker://${registry.host}/${repository}:v1`,
    ]);

  it("lets a token push where its scope map says, and nowhere else", async () => {
    await push("team/app", `ci:${token}`);
    await expect(push("other", `ci:${token}`)).rejects.toThrow();
    await expect(push("team/app", "ci:wrong")).rejects.toThrow();
  });

  it("takes the login of docker's configuration, for its own verbs and for managing", async () => {
    const auth = Buffer.from(`admin:${admin.SLUICE_PASSWORD}`).toString("base64");
    await writeFile(join(folder, "config.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const env = { DOCKER_CONFIG: folder };
    await push("team/app", `ci:${token}`);
    expect(await sluiceJson(["referrers", `${registry.host}/team/app:v1`], env)).toMatchObject({ referrers: [] });
    expect(await sluiceJson(["token", "list", "--registry", registry.host], env)).toMatchObject({
      tokens: [{ name: "ci", scopeMap: "build", isDisabled: false }],
    });
  });

  it("takes a password from stdin for all requests of a verb", async () => {
    await push("team/app", `ci:${token}`);
    const verb = [
      "convert",
      "team/app:v1",
      "--on-server",
      "--wait",
      "--registry",
      registry.host,
      "--username",
      "admin",
    ];
    const { stderr } = await sluice([...verb, "--password-stdin"], {}, admin.SLUICE_PASSWORD);
    expect(stderr).not.toContain("wrong name or password");
  });

  it("says what to do when the login is missing or lacks the right", async () => {
    const nobody = await sluice(["user", "list", "--registry", registry.host], { DOCKER_CONFIG: "/nonexistent" });
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("--password-stdin")]);
    const ci = await sluice(["user", "list", "--registry", registry.host, "--username", "ci"], {
      SLUICE_PASSWORD: token,
    });
    expect([ci.code, ci.stderr]).toEqual([1, expect.stringContaining("no administrator")]);
  });

  it("tells usage (AS4), and collects what no manifest names", async () => {
    await push("team/app", `ci:${token}`);
    const usage = await manage("usage", "show");
    expect(usage).toMatchObject({ repositories: [{ repository: "team/app", streamingBytes: 0, unusedBytes: 0 }] });
    await manage(
      "scope-map",
      "set",
      "build",
      "--repository",
      "team/*=content/read,content/write,content/delete,metadata/read",
    );
    await run("skopeo", [
      "delete",
      "--tls-verify=false",
      "--creds",
      `ci:${token}`,
      `docker://${registry.host}/team/app:v1`,
    ]);
    expect(await manage("registry", "gc", "--dry-run")).toMatchObject({ removedBlobs: 0 });
    const would = await manage("registry", "gc", "--grace", "0", "--dry-run");
    expect(would["removedBlobs"]).toBeGreaterThan(0);
    expect(await manage("registry", "gc", "--grace", "0")).toEqual({ ...would, dryRun: false });
    expect(await manage("usage", "show")).toMatchObject({ storedBytes: 0 });
  });

  it("shows a secret once and logs none", async () => {
    const renewed = String((await manage("token", "renew", "ci", "--place", "2"))["password"]);
    const { stdout } = await sluice(["token", "list", "--registry", registry.host, "--username", "admin"], admin);
    for (const secret of [token, renewed, admin.SLUICE_PASSWORD]) expect(stdout).not.toContain(secret);
    await manage("token", "disable", "ci");
    await expect(push("team/app", `ci:${renewed}`)).rejects.toThrow();
  });
});
