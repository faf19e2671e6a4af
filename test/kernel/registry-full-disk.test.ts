import { execFileSync } from "node:child_process";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anonymous, createImageIndex, RegistryClient, sha256Of } from "@sluice/oci";
import { seededBytes } from "@sluice/store/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noiseFile, pushImage, tarOf } from "../support/pushed-image.js";
import { type ApiDocument, askApi, endOf } from "../support/registry-api.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";

describe("a registry on a disk of 128 MiB", () => {
  let folder: string;
  let registry: RunningRegistry;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=128m", "sluice-full", folder]);
    registry = await startRegistry({}, {}, { folder });
  });
  afterEach(async () => {
    await registry[Symbol.asyncDispose]();
    execFileSync("umount", [folder]);
    await rm(folder, { recursive: true });
  });

  const ballast = (): string => join(folder, "ballast");
  /** All of the disk but so much. */
  const fill = async (leftBytes: number): Promise<void> => {
    const { bavail, bsize } = await statfs(folder);
    await writeFile(ballast(), Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)), { flag: "a" });
  };
  const send = async (method: string, path: string, body?: Uint8Array, mediaType = "application/octet-stream") => {
    const answer = await fetch(`http://${registry.host}${path}`, {
      method,
      ...(body !== undefined && { body: Buffer.from(body), headers: { "content-type": mediaType } }),
    });
    return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
  };
  const pushBlob = (bytes: Uint8Array) => send("POST", `/v2/app/blobs/uploads/?digest=${sha256Of(bytes)}`, bytes);
  /** A large manifest that needs nothing. */
  const pushIndex = async (tag: string) => {
    const { bytes, digest, mediaType } = createImageIndex([], { padding: tag.padEnd(100_000) });
    return { digest, ...(await send("PUT", `/v2/app/manifests/${tag}`, bytes, mediaType)) };
  };
  const isHeld = async (path: string): Promise<boolean> => (await send("GET", `/v2/app/${path}`)).status === 200;
  const full = { status: 507, bytes: expect.toSatisfy((bytes: Buffer) => bytes.includes("free some space")) };

  it("refuses blobs with the cure and still deletes, which makes room", async () => {
    const bytes = seededBytes("kept", 1_000_000);
    expect((await pushBlob(bytes)).status).toBe(201);
    await pushIndex("one");
    await fill(8 * 1024 * 1024);
    expect(await pushBlob(seededBytes("refused", 1_000_000))).toMatchObject(full);
    expect(await isHeld(`blobs/${sha256Of(seededBytes("refused", 1_000_000))}`)).toBe(false);
    expect((await send("DELETE", "/v2/app/manifests/one")).status).toBe(202);
    const { body } = await askApi(registry.host, "POST", "/garbage-collections", { graceSeconds: 0 });
    expect(body).toMatchObject({ removedBlobs: 1, removedBytes: bytes.byteLength });
    await rm(ballast());
    expect((await pushBlob(bytes)).status).toBe(201);
  });

  it("refuses manifests with the cure, answers reads, and keeps what it acknowledged before and afterwards, also over a kill", async () => {
    const kept: string[] = [];
    const pushIndexes = async (name: string, most: number) => {
      for (let at = 0; at < most; at++) {
        const answer = await pushIndex(`${name}-${at}`);
        if (answer.status !== 201) return answer;
        kept.push(`manifests/${name}-${at}`, `manifests/${answer.digest}`);
      }
      return undefined;
    };
    await pushIndexes("before", 3);
    await fill(300_000);
    expect(await pushIndexes("full", 100)).toMatchObject(full);
    expect(await pushIndexes("still-full", 1)).toMatchObject(full);
    for (const path of kept) expect(await isHeld(path)).toBe(true);
    await rm(ballast());
    expect(await pushIndexes("after", 20)).toBeUndefined();
    const bytes = seededBytes("after", 100_000);
    expect((await pushBlob(bytes)).status).toBe(201);
    await registry.stop("SIGKILL");
    await registry.restart();
    for (const path of kept) expect([path, await isHeld(path)]).toEqual([path, true]);
    expect(Buffer.compare((await send("GET", `/v2/app/blobs/${sha256Of(bytes)}`)).bytes, bytes)).toBe(0);
  });

  it("says of a conversion that there is no room for it, and converts once there is", async () => {
    await using client = new RegistryClient({ credentials: anonymous });
    const tar = await tarOf([noiseFile("a", 12_000_000)]);
    const { digest } = await pushImage(client.repository(registry.host, "app"), [tar], { tag: "1" });
    await fill(4 * 1024 * 1024);
    const { body } = await askApi(registry.host, "POST", "/operations", { repository: "app", reference: "1" });
    const operation = async (): Promise<ApiDocument> =>
      (await askApi(registry.host, "GET", `/operations/${body.id}`)).body;
    await expect
      .poll(async () => (await operation()).error?.message, { timeout: 60_000, interval: 100 })
      .toContain("free some");
    expect(await client.repository(registry.host, "app").referrers(digest)).toEqual([]);
    await rm(ballast());
    const ended = await endOf(registry.host, body.id);
    expect(ended).toMatchObject({ status: "Succeeded", digest });
    const artifacts = await client.repository(registry.host, "app").referrers(digest);
    expect(artifacts.map((artifact) => artifact.digest)).toEqual([ended.artifactDigest]);
  });
});
