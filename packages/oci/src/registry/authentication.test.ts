import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { emptyDescriptor } from "../descriptor.js";
import { createImageManifest } from "../manifest.js";
import { collect, noise } from "../testing/repository-suite.js";
import { TestRegistry, type TestRegistryOptions } from "../testing/test-registry.js";
import { parseChallenges } from "./challenge.js";
import { anonymous, type CredentialSource, fixedCredentials } from "./credentials.js";
import { dockerConfigCredentials } from "./docker-config.js";
import { RegistryClient } from "./registry-client.js";

const ann = { kind: "password", username: "ann", password: "p:w" } as const;
const manifest = createImageManifest({ config: emptyDescriptor, layers: [] });
const bytes = noise(100_000);
const closing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const owner of closing.splice(0).reverse()) await owner[Symbol.asyncDispose]();
});

async function start(options: TestRegistryOptions, credentials: CredentialSource) {
  const registry = await TestRegistry.start(options);
  const client = new RegistryClient({ credentials, retry: { firstDelayMs: 1 } });
  closing.push(registry, client);
  const store = registry.store.repository("app");
  store.putManifest(manifest.bytes, manifest.mediaType, "v1");
  const digest = store.putBlob(bytes);
  return { registry, client, digest, repository: client.repository(registry.host, "app") };
}

describe("tokens", () => {
  const access = { kind: "token", username: "ann", password: "p:w" } as const;

  it("are asked for once and used for every request of the same scope", async () => {
    const { digest, registry, repository } = await start({ access }, fixedCredentials(ann));
    await Promise.all(Array.from({ length: 8 }, () => repository.getManifest("v1")));
    await collect(repository.readBlobRange(digest, { start: 0, end: 10 }));
    expect(registry.access.issued).toBe(1);
  });

  it("are renewed before they end, without a refused request", async () => {
    const { registry, repository } = await start({ access: { ...access, expiresInSeconds: 1 } }, fixedCredentials(ann));
    await repository.getManifest("v1");
    await new Promise((resolve) => setTimeout(resolve, 850));
    const before = registry.requests.length;
    await repository.getManifest("v1");
    expect(registry.requests.slice(before).map(({ path }) => path)).toEqual(["/token", "/v2/app/manifests/v1"]);
  });

  it("are neither asked for again nor kept for ever when the clock jumps", async () => {
    const { registry, repository } = await start({ access: { ...access, expiresInSeconds: 1 } }, fixedCredentials(ann));
    await repository.getManifest("v1");
    const now = Date.now();
    const clock = vi.spyOn(Date, "now").mockReturnValue(now + 3_600_000);
    expect(await repository.getManifest("v1")).toBeDefined();
    clock.mockReturnValue(now - 3_600_000);
    await new Promise((resolve) => setTimeout(resolve, 850));
    const before = registry.requests.length;
    await repository.getManifest("v1");
    clock.mockRestore();
    expect(registry.requests.slice(before)[0]?.path).toBe("/token");
  });

  it("that were revoked are replaced", async () => {
    const { registry, repository } = await start({ access }, fixedCredentials(ann));
    await repository.getManifest("v1");
    registry.access.revokeAll();
    await repository.getManifest("v1");
    expect(registry.access.issued).toBe(2);
  });

  const refuse = { fault: { kind: "expire" }, when: ({ path }: { path: string }) => path !== "/token" } as const;

  it("that are refused again, new ones too, are replaced with each attempt when they were good before", async () => {
    const { digest, registry, repository } = await start({ access }, fixedCredentials(ann));
    await repository.getManifest("v1");
    registry.faults.add({ ...refuse, times: 7 });
    const part = await collect(repository.readBlobRange(digest, { start: 0, end: 10 }));
    expect(Buffer.compare(part, bytes.subarray(0, 10))).toBe(0);
    expect(registry.access.issued).toBe(1 + 7);
  });

  it("are asked for again when their service refuses the password that was good before", async () => {
    const { registry, repository } = await start({ access }, fixedCredentials(ann));
    await repository.getManifest("v1");
    registry.access.revokeAll();
    registry.faults.add({
      fault: { kind: "status", status: 401 },
      times: 2,
      when: ({ path }) => path === "/token",
    });
    expect((await repository.getManifest("v1")).digest).toBe(manifest.digest);
  });

  it("are replaced also where a 401 does not say where to get one", async () => {
    const { registry, repository } = await start({ access }, fixedCredentials(ann));
    await repository.getManifest("v1");
    registry.faults.add({ fault: { kind: "status", status: 401 }, times: 1 });
    expect((await repository.getManifest("v1")).digest).toBe(manifest.digest);
    expect(registry.access.issued).toBe(2);
  });

  it("that were never good are asked for twice at most: who may not read is told at once", async () => {
    const { registry, repository } = await start({ access }, fixedCredentials(ann));
    registry.faults.add(refuse);
    await expect(repository.getManifest("v1")).rejects.toMatchObject({ code: "UNAUTHORIZED", retryable: false });
    expect(registry.requests.map(({ path }) => path)).toEqual([
      "/v2/app/manifests/v1",
      "/token",
      "/v2/app/manifests/v1",
    ]);
  });

  it("are got anonymously where nobody has a password", async () => {
    const { repository } = await start({ access: { kind: "token" } }, anonymous);
    expect((await repository.getManifest("v1")).digest).toBe(manifest.digest);
  });

  it("are got with an identity token", async () => {
    const credentials = fixedCredentials({ kind: "identity-token", token: "refresh-me" });
    const { repository } = await start({ access: { ...access, identityToken: "refresh-me" } }, credentials);
    expect((await repository.getManifest("v1")).digest).toBe(manifest.digest);
  });

  it("refused for a wrong password say where credentials came from, and never the password", async () => {
    const wrong = fixedCredentials({ ...ann, password: "not-this-one" });
    const { repository, registry } = await start({ access }, wrong);
    const failure = await repository.getManifest("v1").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "UNAUTHORIZED", status: 401 });
    expect(String(failure)).toContain(`looked for in the credentials given. Log in to ${registry.host}`);
    expect(String(failure)).not.toContain("not-this-one");
  });
});

describe("Basic authentication", () => {
  it("is looked up again when it is refused, so a rotated password needs no restart", async () => {
    let password = "old";
    const source: CredentialSource = {
      find: () => Promise.resolve({ credentials: { ...ann, password }, lookedAt: ["a file"] }),
    };
    const { registry, repository } = await start(
      { access: { kind: "basic", username: "ann", password: "new" } },
      source,
    );
    await expect(repository.getManifest("v1")).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    password = "new";
    expect((await repository.getManifest("v1")).digest).toBe(manifest.digest);
    const before = registry.requests.length;
    await repository.getManifest("v1");
    expect(registry.requests.length - before).toBe(1);
  });

  it("is not sent to another host than the one it is for", async () => {
    const access = { kind: "basic", username: "ann", password: "p:w" } as const;
    const { repository, registry } = await start({ access }, fixedCredentials(ann, "registry.example.org"));
    await expect(repository.getManifest("v1")).rejects.toThrow(/for registry\.example\.org only/);
    expect(registry.requests.every(({ headers }) => headers["authorization"] === undefined)).toBe(true);
  });
});

describe("a redirect to another host", () => {
  const access = { kind: "token", username: "ann", password: "p:w" } as const;

  it("never gets our credentials, and is remembered for the next range", async () => {
    const { digest, registry, repository } = await start({ access, redirectLifeMs: 60_000 }, fixedCredentials(ann));
    for (const start of [0, 100, 200]) await collect(repository.readBlobRange(digest, { start, end: start + 10 }));
    const storage = registry.requests.filter(({ listener }) => listener === "storage");
    expect(storage.map(({ headers }) => headers["authorization"])).toEqual([undefined, undefined, undefined]);
    expect(registry.requestsMatching(/^GET \/v2\/app\/blobs/).length).toBe(2); // one 401, one redirect
  });

  it("that has expired is asked for again", async () => {
    const { digest, registry, repository } = await start({ redirectLifeMs: 60_000 }, anonymous);
    await collect(repository.readBlobRange(digest, { start: 0, end: 10 }));
    registry.links.revokeAll();
    expect((await collect(repository.readBlobRange(digest, { start: 10, end: 20 }))).byteLength).toBe(10);
  });

  it("that fails is asked for again, without waiting", async () => {
    const { digest, registry, repository } = await start({ redirectLifeMs: 60_000 }, anonymous);
    await collect(repository.readBlobRange(digest, { start: 0, end: 10 }));
    for (const fault of [
      { kind: "status", status: 404 },
      { kind: "status", status: 500 },
      { kind: "reset" },
    ] as const) {
      registry.faults.add({ fault, times: 1, when: ({ listener }) => listener === "storage" });
      expect((await collect(repository.readBlobRange(digest, { start: 10, end: 20 }))).byteLength).toBe(10);
    }
    expect(registry.faults.served).toBe(3);
  });
});

describe("parseChallenges", () => {
  it("reads several challenges with quoted commas and escapes", () => {
    const found = parseChallenges(
      'Basic realm="a, b", Bearer realm="https://x/\\"t\\"",scope="repository:a:pull,push",error=x',
    );
    expect(found.map(({ scheme }) => scheme)).toEqual(["basic", "bearer"]);
    expect(Object.fromEntries(found[1]?.parameters ?? [])).toEqual({
      realm: 'https://x/"t"',
      scope: "repository:a:pull,push",
      error: "x",
    });
  });

  it("takes nonsense for nothing, quickly", () => {
    expect(parseChallenges('"""')).toEqual([]);
    expect(parseChallenges("")).toEqual([]);
    expect(parseChallenges(`Bearer realm="${"\\".repeat(100_000)}`).length).toBe(2);
  });
});

describe("the docker configuration", () => {
  const root = mkdtempSync(join(tmpdir(), "sluice-auth-"));
  afterAll(() => rmSync(root, { recursive: true }));
  const basic = (text: string): string => Buffer.from(text).toString("base64");
  let count = 0;
  const source = (config: unknown, environment: NodeJS.ProcessEnv = {}): CredentialSource => {
    const folder = join(root, `${count++}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
    return dockerConfigCredentials({ environment: { HOME: folder, DOCKER_CONFIG: folder, ...environment } });
  };

  it.each([
    ["host:5000", "host:5000"],
    ["https://host:5000/v2/", "host:5000"],
    ["https://index.docker.io/v1/", "docker.io"],
    ["registry-1.docker.io", "docker.io"],
  ])("finds %s for %s", async (key, host) => {
    const found = await source({ auths: { [key]: { auth: basic("ann:p:w") } } }).find(host, "library/app");
    expect(found.credentials).toEqual(ann);
  });

  it("prefers the longest path above the repository", async () => {
    const auths = {
      host: { auth: basic("a:1") },
      "host/team": { auth: basic("b:2") },
      "host/te": { auth: basic("c:3") },
    };
    expect((await source({ auths }).find("host", "team/app")).credentials).toMatchObject({ username: "b" });
    expect((await source({ auths }).find("host", "other/app")).credentials).toMatchObject({ username: "a" });
  });

  it("reads identity tokens", async () => {
    const auths = { host: { auth: basic("0:"), identitytoken: "it" } };
    expect((await source({ auths }).find("host", "app")).credentials).toEqual({ kind: "identity-token", token: "it" });
  });

  it("asks credential helpers, first the one of the host, and says what went wrong", async () => {
    const bin = join(root, "bin");
    mkdirSync(bin);
    const helper = (name: string, script: string): void => {
      writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
      chmodSync(join(bin, `docker-credential-${name}`), 0o755);
    };
    helper(
      "good",
      'read server; echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"$server\\",\\"Secret\\":\\"s\\"}"',
    );
    helper("none", 'echo "credentials not found in native keychain"; exit 1');
    helper("bad", "echo not-json");
    const environment = { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
    const config = { credHelpers: { host: "good", bad: "bad", gone: "gone" }, credsStore: "none" };
    const helpers = source(config, environment);
    expect((await helpers.find("host", "app")).credentials).toEqual({
      kind: "password",
      username: "host",
      password: "s",
    });
    expect((await helpers.find("else", "app")).credentials).toBeUndefined();
    expect((await helpers.find("bad", "app")).lookedAt.join()).toContain("not the JSON of a credential helper");
    expect((await helpers.find("gone", "app")).lookedAt.join()).toContain("docker-credential-gone");
  });

  it("names every file it looked at, also the broken ones", async () => {
    const found = await source("{", { XDG_RUNTIME_DIR: "/nowhere" }).find("host", "app");
    expect(found.credentials).toBeUndefined();
    expect(found.lookedAt[0]).toMatch(/config\.json \(.*not JSON/);
    expect(found.lookedAt[1]).toBe("/nowhere/containers/auth.json (not there)");
    expect(found.lookedAt.length).toBe(3);
  });
});
