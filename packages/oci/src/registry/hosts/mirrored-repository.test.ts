import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { emptyDescriptor } from "../../descriptor.js";
import type { Digest } from "../../digest/digest.js";
import { createImageManifest, descriptorOfManifest } from "../../manifest.js";
import type { Fault } from "../../testing/faults.js";
import { collect, noise } from "../../testing/repository-suite.js";
import { TestRegistry, type TestRegistryOptions } from "../../testing/test-registry.js";
import { type CredentialSource, fixedCredentials } from "../credentials.js";
import { RegistryClient, type RegistryClientOptions } from "../registry-client.js";
import type { HostRoutes } from "./host-settings.js";
import { parseHostsFile } from "./parse-hosts-file.js";

const manifest = createImageManifest({ config: emptyDescriptor, layers: [] });
const artifact = createImageManifest({
  config: emptyDescriptor,
  layers: [],
  subject: descriptorOfManifest(manifest),
  artifactType: "application/x-streaming",
});
const bytes = noise(300_000);
const range = { start: 100_000, end: 200_000 };
const wanted = Uint8Array.from(bytes.subarray(range.start, range.end));

const closing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const owner of closing.splice(0).reverse()) await owner[Symbol.asyncDispose]();
});

async function registryWith(options: TestRegistryOptions = {}) {
  const registry = await TestRegistry.start(options);
  closing.push(registry);
  const store = registry.store.repository("app");
  store.putManifest(manifest.bytes, manifest.mediaType, "v1");
  return { registry, digest: store.putBlob(bytes) };
}

/** A client that asks the host `r.example` at `server`, behind the mirrors of a hosts.toml. */
function clientBehind(server: TestRegistry, mirrors: string, options: RegistryClientOptions = {}) {
  const failures: unknown[] = [];
  let toml = mirrors;
  const client = new RegistryClient({
    retry: { firstDelayMs: 1, maxDelayMs: 2 },
    timeouts: { headersMs: 2000, idleMs: 2000 },
    mirrorTimeouts: { headersMs: 300, idleMs: 300, connectMs: 300 },
    ...options,
    routing: {
      routesOf: async (): Promise<HostRoutes> =>
        parseHostsFile(`server = "http://${server.host}"\n${toml}`, "/hosts.toml"),
      onProblem: (error) => failures.push(error),
      onMirrorFailed: (_mirror, error) => failures.push(error),
    },
  });
  closing.push(client);
  return { repository: client.repository("r.example", "app"), failures, client, rewrite: (to: string) => (toml = to) };
}

async function behindOneMirror(options: RegistryClientOptions = {}, ofMirror: TestRegistryOptions = {}) {
  const [server, mirror] = [await registryWith(), await registryWith(ofMirror)];
  const behind = clientBehind(server.registry, `[host."http://${mirror.registry.host}"]`, options);
  return { server: server.registry, mirror: mirror.registry, digest: server.digest, ...behind };
}

const blobRequests = (registry: TestRegistry, digest: Digest): number =>
  registry.requests.filter(({ path }) => path.endsWith(digest)).length;

describe("a mirror", () => {
  it("gives manifests, blobs and ranges in place of the registry, and is told whose they are", async () => {
    const { digest, mirror, repository, server } = await behindOneMirror();
    expect((await repository.resolve("v1")).digest).toBe(manifest.digest);
    expect((await repository.getManifest("v1")).digest).toBe(manifest.digest);
    expect((await repository.getManifest(manifest.digest)).digest).toBe(manifest.digest);
    expect(await collect(repository.readBlob({ digest, size: bytes.byteLength }))).toEqual(Uint8Array.from(bytes));
    expect(await collect(repository.readBlobRange(digest, range))).toEqual(wanted);
    expect(server.requests).toEqual([]);
    expect(mirror.requests.map(({ query }) => query)).toEqual(mirror.requests.map(() => "?ns=r.example"));
  });

  it("is asked at the path that its address overrides", async () => {
    const seen: IncomingMessage[] = [];
    const odd = createServer((request, response) => {
      seen.push(request);
      response.writeHead(200, { "content-type": "application/octet-stream" }).end(bytes);
    });
    await new Promise<void>((resolve) => odd.listen(0, "127.0.0.1", resolve));
    closing.push({ [Symbol.asyncDispose]: async () => void odd.close() });
    const address = `http://127.0.0.1:${(odd.address() as AddressInfo).port}/proxy/path`;
    const { registry, digest } = await registryWith();
    const { repository } = clientBehind(
      registry,
      `[host."${address}"]\noverride_path = true\n[host."${address}".header]\nx-token = "t"`,
    );
    await collect(repository.readBlob({ digest, size: bytes.byteLength }));
    expect(seen[0]?.url).toBe(`/proxy/path/app/blobs/${digest}?ns=r.example`);
    expect(seen[0]?.headers["x-token"]).toBe("t");
  });

  const faults: Fault[] = [
    { kind: "stall" },
    { kind: "stall", afterBytes: 5000 },
    { kind: "reset" },
    { kind: "reset", afterBytes: 5000 },
    { kind: "short-body", missingBytes: 7 },
    { kind: "status", status: 404 },
    { kind: "status", status: 401 },
    { kind: "status", status: 403 },
    { kind: "status", status: 429, retryAfter: 20 },
    { kind: "status", status: 500 },
    { kind: "status", status: 503 },
    { kind: "html" },
    { kind: "wrong-range" },
  ];
  it.each(faults)(
    "that fails a range by $kind $status costs one question; the registry gives what is missing",
    async (fault) => {
      const { digest, failures, mirror, repository, server } = await behindOneMirror();
      mirror.faults.add({ fault });
      expect(await collect(repository.readBlobRange(digest, range))).toEqual(wanted);
      expect(await collect(repository.readBlobRange(digest, range))).toEqual(wanted);
      expect(failures).toHaveLength(1);
      expect(mirror.requests).toHaveLength(1);
      expect(blobRequests(server, digest)).toBe(2);
    },
  );

  it("that knows no ranges is not asked for them, and still for whole blobs", async () => {
    const { digest, mirror, repository } = await behindOneMirror();
    mirror.faults.add({ fault: { kind: "ignore-range" } });
    const far = noise(2_000_000);
    for (const registry of [mirror]) registry.store.repository("app").putBlob(far);
    expect(await collect(repository.readBlobRange(digest, range))).toEqual(wanted); // cut out of the whole
    expect(mirror.requests).toHaveLength(1);
  });

  it.each([{ kind: "wrong-bytes" }, { kind: "html" }, { kind: "status", status: 502 }] as Fault[])(
    "that gives $kind for a manifest or a small blob is found out before anybody sees it",
    async (fault) => {
      const { digest, mirror, repository } = await behindOneMirror();
      mirror.faults.add({ fault });
      expect((await repository.getManifest(manifest.digest)).digest).toBe(manifest.digest);
      expect(await collect(repository.readBlob({ digest, size: bytes.byteLength }))).toEqual(Uint8Array.from(bytes));
    },
  );

  it("whose ranges were wrong is not asked for that blob again, once somebody who can tell has said so", async () => {
    const { digest, mirror, repository } = await behindOneMirror();
    mirror.faults.add({ fault: { kind: "wrong-bytes" } });
    expect(await collect(repository.readBlobRange(digest, range))).not.toEqual(wanted);
    repository.doubt?.(digest);
    await Promise.resolve();
    expect(await collect(repository.readBlobRange(digest, range))).toEqual(wanted);
    expect(mirror.requests).toHaveLength(1);
  });

  it("that was passed over is asked again when the registry is away", async () => {
    const { digest, mirror, repository, server } = await behindOneMirror();
    mirror.faults.add({ fault: { kind: "reset" }, times: 1 });
    await collect(repository.readBlobRange(digest, range));
    server.faults.add({ fault: { kind: "reset" } });
    expect(await collect(repository.readBlobRange(digest, range))).toEqual(wanted);
    expect(mirror.requests).toHaveLength(2);
  });

  it("that resolves no tags is asked for content by digest only", async () => {
    const [server, mirror] = [await registryWith(), await registryWith()];
    const { repository } = clientBehind(
      server.registry,
      `[host."http://${mirror.registry.host}"]\ncapabilities = ["pull"]`,
    );
    await repository.getManifest("v1");
    await repository.referrers(manifest.digest);
    expect(mirror.registry.requests).toEqual([]);
    await repository.getManifest(manifest.digest);
    expect(mirror.registry.requests).toHaveLength(1);
  });

  it("without referrers leaves the question to the registry; with some, answers it", async () => {
    const { mirror, repository, server } = await behindOneMirror({}, { referrers: "404" });
    server.store.repository("app").putManifest(artifact.bytes, artifact.mediaType, undefined);
    expect((await repository.referrers(manifest.digest)).map(({ digest }) => digest)).toEqual([artifact.digest]);
    const full = await behindOneMirror();
    full.mirror.store.repository("app").putManifest(artifact.bytes, artifact.mediaType, undefined);
    expect(await full.repository.referrers(manifest.digest)).toHaveLength(1);
    expect(full.server.requests).toEqual([]);
    expect(mirror.requests.length).toBeGreaterThan(0);
  });

  it("that rests after a failure is not asked for referrers before the registry, nor when that is away", async () => {
    const { digest, mirror, repository, server } = await behindOneMirror();
    for (const registry of [mirror, server]) {
      registry.store.repository("app").putManifest(artifact.bytes, artifact.mediaType, undefined);
    }
    mirror.faults.add({ fault: { kind: "status", status: 500 }, times: 1 });
    await collect(repository.readBlobRange(digest, range));
    expect(await repository.referrers(manifest.digest)).toHaveLength(1);
    server.faults.add({ fault: { kind: "status", status: 401 } });
    await expect(repository.referrers(manifest.digest)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(mirror.requests).toHaveLength(1);
  });

  it("that gave no list of referrers is not asked for it again, and the registry is each time", async () => {
    const { mirror, repository, server } = await behindOneMirror();
    server.store.repository("app").putManifest(artifact.bytes, artifact.mediaType, undefined);
    mirror.faults.add({ fault: { kind: "status", status: 503 } });
    expect(await repository.referrers(manifest.digest)).toHaveLength(1);
    const asked = mirror.requests.length;
    expect(await repository.referrers(manifest.digest)).toHaveLength(1);
    expect(mirror.requests).toHaveLength(asked);
    expect(server.requestsMatching(/referrers/)).toHaveLength(2);
  });

  it("never sees the credentials of the registry, only its own", async () => {
    const access = { kind: "basic", username: "ann", password: "secret" } as const;
    const [server, mirror] = [await registryWith({ access }), await registryWith({ access })];
    const asked: string[] = [];
    const ours = fixedCredentials({ kind: "password", username: "ann", password: "secret" }, server.registry.host);
    const credentials: CredentialSource = {
      find: (host, repository) => {
        asked.push(host);
        return ours.find(host, repository);
      },
    };
    const { repository } = clientBehind(server.registry, `[host."http://${mirror.registry.host}"]`, { credentials });
    expect(await collect(repository.readBlobRange(server.digest, range))).toEqual(wanted);
    expect(asked).toEqual([mirror.registry.host, server.registry.host]);
    expect(mirror.registry.requests.every(({ headers }) => headers["authorization"] === undefined)).toBe(true);
  });

  it("follows after another one in the order of the file", async () => {
    const hosts = await Promise.all([registryWith(), registryWith(), registryWith()]);
    const [server, first, second] = hosts.map(({ registry }) => registry);
    if (!server || !first || !second) throw new Error("three were started");
    const { repository } = clientBehind(server, `[host."http://${first.host}"]\n[host."http://${second.host}"]`);
    first.faults.add({ fault: { kind: "status", status: 500 } });
    await repository.getManifest("v1");
    expect([first, second, server].map(({ requests }) => requests.length)).toEqual([1, 1, 0]);
  });

  it("is never written to", async () => {
    const { mirror, repository, server } = await behindOneMirror();
    await repository.pushManifest(artifact, { tag: "a" });
    expect(mirror.requests).toEqual([]);
    expect(server.store.repository("app").tags.has("a")).toBe(true);
  });

  it("does not hide that the registry has said no", async () => {
    const { digest, mirror, repository, server } = await behindOneMirror();
    for (const registry of [mirror, server]) registry.store.repository("app").blobs.delete(digest);
    await expect(collect(repository.readBlobRange(digest, range))).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(mirror.requests).toHaveLength(1);
  });

  it("gives way to the caller who stops, and bears no blame for that", async () => {
    const { digest, failures, mirror, repository } = await behindOneMirror({ mirrorTimeouts: { headersMs: 20_000 } });
    mirror.faults.add({ fault: { kind: "stall" }, times: 1 });
    const reason = new Error("enough");
    const reading = collect(repository.readBlobRange(digest, range, { signal: AbortSignal.any([abortSoon(reason)]) }));
    await expect(reading).rejects.toBe(reason);
    expect(failures).toEqual([]);
  });
});

function abortSoon(reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 50);
  return controller.signal;
}
