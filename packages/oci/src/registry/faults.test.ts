import { afterEach, describe, expect, it } from "vitest";
import { emptyDescriptor } from "../descriptor.js";
import { type Digest, sha256Of } from "../digest/digest.js";
import { createImageManifest, descriptorOfManifest } from "../manifest.js";
import type { Repository } from "../repository/repository.js";
import type { Fault } from "../testing/faults.js";
import { collect, inPieces, noise } from "../testing/repository-suite.js";
import { TestRegistry, type TestRegistryOptions } from "../testing/test-registry.js";
import type { RequestReport } from "./metering.js";
import { RegistryClient, type RegistryClientOptions } from "./registry-client.js";

const fast: RegistryClientOptions = {
  retry: { firstDelayMs: 1, maxDelayMs: 5 },
  timeouts: { headersMs: 300, idleMs: 300 },
};
const manifest = createImageManifest({ config: emptyDescriptor, layers: [], annotations: { is: "here" } });
const bytes = noise(3_000_000);

const closing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const owner of closing.splice(0).reverse()) await owner[Symbol.asyncDispose]();
});

interface Setting {
  readonly registry: TestRegistry;
  readonly repository: Repository;
  readonly reports: RequestReport[];
  readonly blob: { readonly digest: Digest; readonly size: number };
}

async function start(options: TestRegistryOptions = {}, client: RegistryClientOptions = {}): Promise<Setting> {
  const registry = await TestRegistry.start(options);
  const reports: RequestReport[] = [];
  const owner = new RegistryClient({ ...fast, ...client, onRequest: (report) => reports.push(report) });
  closing.push(registry, owner);
  const store = registry.store.repository("app");
  store.putManifest(manifest.bytes, manifest.mediaType, "v1");
  const blob = { digest: store.putBlob(bytes), size: bytes.byteLength };
  return { registry, reports, repository: owner.repository(registry.host, "app"), blob };
}

const isBlobGet = ({ method, path }: { method: string; path: string }): boolean =>
  method === "GET" && path.includes(blobs);
const blobs = "sha256:";

describe("a manifest", () => {
  const passing: Fault[] = [
    { kind: "status", status: 500 },
    { kind: "status", status: 503, retryAfter: 0 },
    { kind: "status", status: 429, retryAfter: 0 },
    { kind: "reset" },
    { kind: "reset", afterBytes: 10 },
    { kind: "stall" },
    { kind: "stall", afterBytes: 10 },
  ];
  it.each(passing)("arrives after two troubles that pass: $kind $status", async (fault) => {
    const { registry, repository } = await start();
    registry.faults.add({ fault, times: 2 });
    expect((await repository.getManifest("v1")).digest).toBe(manifest.digest);
    expect(registry.faults.served).toBe(2);
  });

  it("is not taken up for a caller who tries again himself", async () => {
    const { blob, registry, repository } = await start();
    registry.faults.add({ fault: { kind: "status", status: 503 }, times: 1, when: isBlobGet });
    const read = (): Promise<Uint8Array> =>
      collect(repository.readBlobRange(blob.digest, { start: 5, end: 10 }, { attempts: 1 }));
    const before = registry.requests.length;
    await expect(read()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(registry.requests.length - before).toBe(1);
    expect(Buffer.compare(await read(), bytes.subarray(5, 10))).toBe(0);
  });

  const staying: [Fault, string][] = [
    [{ kind: "status", status: 401 }, "UNAUTHORIZED"],
    [{ kind: "status", status: 403 }, "DENIED"],
    [{ kind: "status", status: 404 }, "NOT_FOUND"],
    [{ kind: "status", status: 429, retryAfter: 3600 }, "TOO_MANY_REQUESTS"],
    [{ kind: "status", status: 500 }, "UNAVAILABLE"],
    [{ kind: "status", status: 418 }, "REGISTRY"],
    [{ kind: "status", status: 301 }, "REDIRECT_REFUSED"],
    [{ kind: "reset" }, "UNREACHABLE"],
    [{ kind: "stall" }, "TIMEOUT"],
    [{ kind: "stall", afterBytes: 5 }, "TIMEOUT"],
    [{ kind: "html" }, "UNEXPECTED_REPLY"],
    [{ kind: "wrong-bytes" }, "DIGEST_MISMATCH"],
    [{ kind: "short-body", missingBytes: 3 }, "DIGEST_MISMATCH"],
  ];
  it.each(staying)("fails with its own code when the trouble stays: %o", async (fault, code) => {
    const { registry, repository } = await start();
    registry.faults.add({ fault });
    await expect(repository.getManifest("v1")).rejects.toMatchObject({ code });
    await expect(repository.getManifest(manifest.digest)).rejects.toMatchObject({ code });
    const spoilsHeaders = !("afterBytes" in fault) && fault.kind !== "wrong-bytes";
    if (spoilsHeaders) await expect(repository.resolve("v1")).rejects.toMatchObject({ code });
  });

  it("is not asked for again when asking again is pointless", async () => {
    const { registry, repository } = await start();
    registry.faults.add({ fault: { kind: "status", status: 403 } });
    await expect(repository.getManifest("v1")).rejects.toThrow();
    expect(registry.requests.length).toBe(1);
  });

  it("is asked for at most five times", async () => {
    const { registry, repository } = await start();
    registry.faults.add({ fault: { kind: "status", status: 503 } });
    await expect(repository.getManifest("v1")).rejects.toThrow(/answered 503/);
    expect(registry.requests.length).toBe(5);
  });

  it("says what was asked, what came and what to do, on one line", async () => {
    const { registry, repository } = await start();
    registry.faults.add({ fault: { kind: "status", status: 429, retryAfter: 3600, errorCode: "TOO\u001b[31m\nMANY" } });
    await expect(repository.getManifest("v1")).rejects.toThrow(
      `GET http://${registry.host}/v2/app/manifests/v1: the registry answered 429 (TOO [31m MANY: a fault on demand). Log in to get a higher limit, or wait and try again`,
    );
  });

  it("larger than 4 MiB is refused before it is read", async () => {
    const { registry, repository } = await start();
    const big = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [], padding: "x".repeat(5_000_000) }));
    const store = registry.store.repository("app");
    store.manifests.set(manifest.digest, { ...manifest, bytes: big });
    await expect(repository.getManifest("v1")).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  it("is resolved by GET where HEAD does not tell the digest", async () => {
    const { registry, repository } = await start();
    registry.faults.add({ fault: { kind: "no-digest-header" } });
    expect(await repository.resolve("v1")).toEqual(descriptorOfManifest(manifest));
    expect(registry.requests.map(({ method }) => method)).toEqual(["HEAD", "GET"]);
  });

  it("waits as long as Retry-After says", async () => {
    const { registry, repository } = await start();
    registry.faults.add({ fault: { kind: "status", status: 429, retryAfter: 1 }, times: 1 });
    const startedAt = performance.now();
    await repository.getManifest("v1");
    expect(performance.now() - startedAt).toBeGreaterThan(950);
  });

  it("is given up at once when the caller leaves, whatever the registry does", async () => {
    const reason = new Error("the reader left");
    for (const fault of [
      { kind: "stall" },
      { kind: "stall", afterBytes: 3 },
      { kind: "status", status: 429, retryAfter: 20 },
    ] as const) {
      const { registry, repository } = await start({}, { timeouts: {} });
      registry.faults.add({ fault });
      const stop = new AbortController();
      setTimeout(() => stop.abort(reason), 50);
      await expect(repository.getManifest("v1", { signal: stop.signal })).rejects.toBe(reason);
    }
  });
});

describe("a blob", () => {
  const passing: Fault[] = [
    { kind: "status", status: 502 },
    { kind: "reset" },
    { kind: "reset", afterBytes: 1_000_000 },
    { kind: "stall" },
    { kind: "stall", afterBytes: 1_000_000 },
    { kind: "short-body", missingBytes: 1_000_000 },
  ];
  it.each(passing)("is taken up where it stopped: $kind $afterBytes", async (fault) => {
    const { blob, registry, repository } = await start();
    registry.faults.add({ fault, times: 2, when: isBlobGet });
    expect(Buffer.compare(await collect(repository.readBlob(blob)), bytes)).toBe(0);
    registry.faults.add({ fault, times: 2, when: isBlobGet });
    const part = await collect(repository.readBlobRange(blob.digest, { start: 100, end: 2_900_000 }));
    expect(Buffer.compare(part, bytes.subarray(100, 2_900_000))).toBe(0);
    const lostInFlight = fault.kind === "reset" ? 2 : 0.2; // a reset drops what the socket still held
    expect(registry.sentBytes).toBeLessThan((2 + lostInFlight) * bytes.byteLength);
  });

  const staying: [Fault, string][] = [
    [{ kind: "status", status: 404 }, "NOT_FOUND"],
    [{ kind: "status", status: 500 }, "UNAVAILABLE"],
    [{ kind: "reset", afterBytes: 0 }, "UNREACHABLE"],
    [{ kind: "stall", afterBytes: 0 }, "TIMEOUT"],
    [{ kind: "short-body", missingBytes: 9_000_000 }, "SHORT_BODY"],
    [{ kind: "html" }, "UNEXPECTED_REPLY"],
  ];
  it.each(staying)("fails with its own code when the trouble stays: %o", async (fault, code) => {
    const { blob, registry, repository } = await start();
    registry.faults.add({ fault });
    await expect(collect(repository.readBlob(blob))).rejects.toMatchObject({ code });
    await expect(collect(repository.readBlobRange(blob.digest, { start: 5, end: 10 }))).rejects.toMatchObject({ code });
  });

  it("with wrong bytes is an error before it ends", async () => {
    const { blob, registry, repository } = await start();
    registry.faults.add({ fault: { kind: "wrong-bytes" } });
    await expect(collect(repository.readBlob(blob))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("is read whole and exactly also where Range is ignored and the connection breaks", async () => {
    const { blob, registry, repository } = await start();
    registry.faults.add({ fault: { kind: "ignore-range" } });
    registry.faults.add({ fault: { kind: "reset", afterBytes: 2_000_000 }, times: 1 });
    expect(Buffer.compare(await collect(repository.readBlob(blob)), bytes)).toBe(0);
  });

  it("that trickles in counts as standing still", async () => {
    const { blob, registry, repository } = await start();
    registry.faults.add({ fault: { kind: "slow", bytesPerSecond: 100 } });
    await expect(collect(repository.readBlob(blob))).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  it("read by somebody slow is not given up", async () => {
    const { blob, repository } = await start();
    let size = 0;
    let pieces = 0;
    for await (const piece of repository.readBlob(blob)) {
      size += piece.byteLength;
      if (pieces++ === 1) await new Promise((resolve) => setTimeout(resolve, 700));
    }
    expect(size).toBe(bytes.byteLength);
  });
});

describe("a range of a blob", () => {
  it("near the start is cut out of a whole blob, and the rest is not read", async () => {
    const large = noise(40_000_000, 3);
    const { registry, repository, reports } = await start();
    const digest = registry.store.repository("app").putBlob(large);
    registry.faults.add({ fault: { kind: "ignore-range" } });
    const got = await collect(repository.readBlobRange(digest, { start: 1000, end: 5000 }));
    expect(Buffer.compare(got, large.subarray(1000, 5000))).toBe(0);
    expect(reports.at(-1)?.bytes).toBeLessThan(1_000_000);
  });

  it("far inside is refused with a clear error when Range is ignored", async () => {
    const { blob, registry, repository } = await start();
    registry.faults.add({ fault: { kind: "ignore-range" } });
    const read = collect(repository.readBlobRange(blob.digest, { start: 2_000_000, end: 2_000_010 }));
    await expect(read).rejects.toThrow(/bytes=2000000-2000009 was answered with the whole blob\. Use a registry/);
  });

  it("answered with other bytes is refused", async () => {
    const { blob, registry, repository } = await start();
    registry.faults.add({ fault: { kind: "wrong-range" } });
    const read = collect(repository.readBlobRange(blob.digest, { start: 10, end: 20 }));
    await expect(read).rejects.toThrow(/asked for bytes=10-19, got bytes=0-9/);
  });

  it("costs one request, and the meter sees what went over the wire", async () => {
    const { blob, registry, repository, reports } = await start();
    await collect(repository.readBlobRange(blob.digest, { start: 10, end: 20_010 }));
    expect(registry.requests.length).toBe(1);
    expect(reports).toMatchObject([{ method: "GET", kind: "range", status: 206, bytes: 20_000, host: registry.host }]);
  });
});

describe("an upload", () => {
  const content = noise(20_000_000, 5);

  it("in chunks goes on behind what the registry kept of a broken chunk", async () => {
    const { registry, repository } = await start();
    registry.faults.add({
      fault: { kind: "reset-upload", afterBytes: 3_000_000 },
      times: 2,
      when: ({ method }) => method === "PATCH",
    });
    const blob = await repository.pushBlobStream(inPieces(content, 100_000));
    expect(blob.size).toBe(content.byteLength);
    expect(registry.store.repository("app").blobs.has(blob.digest)).toBe(true);
    const received = registry.requests.reduce((sum, request) => sum + request.receivedBytes, 0);
    expect(received).toBeLessThan(content.byteLength * 1.2);
  });

  it("in one piece begins anew after a break", async () => {
    const { registry, repository } = await start();
    registry.faults.add({
      fault: { kind: "reset-upload", afterBytes: 3_000_000 },
      times: 1,
      when: ({ method }) => method === "PUT",
    });
    const digest = sha256Of(content);
    await repository.pushBlob({ digest, size: content.byteLength }, () => inPieces(content, 100_000));
    expect(registry.store.repository("app").blobs.has(digest)).toBe(true);
  });

  it("leaves no open session behind when it fails for good", async () => {
    const { registry, repository } = await start();
    registry.faults.add({ fault: { kind: "status", status: 403 }, when: ({ method }) => method === "PATCH" });
    await expect(repository.pushBlobStream(inPieces(content, 100_000))).rejects.toMatchObject({ code: "DENIED" });
    expect(registry.uploads.open).toBe(0);
  });

  it("is spared by mounting from another repository, and says so when that is refused", async () => {
    for (const mounts of [true, false]) {
      const { blob, registry, repository } = await start({ mounts });
      const client = new RegistryClient(fast);
      closing.push(client);
      const other = client.repository(registry.host, "other");
      expect(await other.mountBlob(blob, repository)).toBe(mounts);
      expect(await other.blobSize(blob.digest)).toBe(mounts ? blob.size : undefined);
      expect(registry.uploads.open).toBe(0);
    }
  });
});
