import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { FileSystemBlobStore } from "@sluice/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.js";
import { backUp, restoreBackup } from "./back-up.js";

describe("a backup", () => {
  let registry: TestServer;
  let folder: string;
  beforeEach(async () => {
    registry = await startTestServer();
    folder = await mkdtemp(join(tmpdir(), "sluice-backup-"));
  });
  afterEach(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const to = (): string => join(folder, "backup");
  const takeSnapshot = async (): Promise<string> => {
    const response = await registry.send("POST", "/api/v1/snapshots");
    return ((await response.json()) as { name: string }).name;
  };
  const back = (signal?: AbortSignal) => backUp({ root: registry.root, folder: to(), takeSnapshot, signal });
  /** Restores it and asks the registry that comes out. */
  const restored = async <T>(work: (copy: TestServer) => Promise<T>): Promise<T> => {
    const root = join(folder, `restored-${Math.random()}`);
    await restoreBackup({ root, folder: to() });
    await using copy = await startTestServer({ root });
    return await work(copy);
  };
  const digestsOf = (references: readonly string[]) => async (of: TestServer) =>
    await Promise.all(
      references.map(async (reference) =>
        (await of.send("HEAD", `/v2/app/manifests/${reference}`)).headers.get("docker-content-digest"),
      ),
    );

  it("of a registry that serves holds what it had at one moment, accounts and settings too", async () => {
    const first = await registry.pushImage("app", "1", "first");
    await registry.send("PATCH", "/api/v1/settings/soft-delete", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ days: 33 }),
    });
    expect(await back()).toEqual({ blobs: 2, bytes: expect.any(Number), reusedBlobs: 0 });
    await registry.pushImage("app", "2", "second");
    expect(await restored(digestsOf(["1", "2"]))).toEqual([first.digest, null]);
    const content = await restored(async (copy) =>
      (await copy.send("GET", `/v2/app/blobs/${sha256Of("first")}`)).text(),
    );
    expect(content).toBe("first");
    expect(
      await restored(async (copy) => await (await copy.send("GET", "/api/v1/settings/soft-delete")).json()),
    ).toEqual({
      status: "disabled",
      days: 33,
    });
    expect(await readdir(join(registry.root, "registry", "snapshots"))).toEqual([]);
  });

  it("of a registry that does not serve needs nobody's help", async () => {
    const { digest } = await registry.pushImage("app", "1", "first");
    await registry.server.close();
    const nobody = () => Promise.reject(new Error("asked"));
    await backUp({ root: registry.root, folder: to(), takeSnapshot: nobody });
    expect(await restored(digestsOf(["1"]))).toEqual([digest]);
    await registry.restart();
  });

  it("into the same folder copies what is new and forgets what is gone", async () => {
    const first = await registry.pushImage("app", "1", "first");
    await back();
    const second = await registry.pushImage("app", "2", "second");
    for (const digest of [first.digest, sha256Of("first")]) {
      const kind = digest === first.digest ? "manifests" : "blobs";
      await registry.send("DELETE", `/v2/app/${kind}/${digest}`);
    }
    expect(await back()).toMatchObject({ blobs: 2, reusedBlobs: 1 });
    expect(await restored(digestsOf(["1", "2"]))).toEqual([null, second.digest]);
    const blobs = await FileSystemBlobStore.open(join(to(), "blobs"));
    expect([await blobs.has(sha256Of("first")), await blobs.has(sha256Of("second"))]).toEqual([false, true]);
    expect((await readdir(to())).filter((name) => name.startsWith("metadata-"))).toHaveLength(1);
  });

  it("that is cut short leaves the one before as it was", async () => {
    const { digest } = await registry.pushImage("app", "1", "first");
    await back();
    await registry.pushImage("app", "2", "second");
    await expect(back(AbortSignal.abort(new Error("cut short")))).rejects.toThrow();
    expect(await restored(digestsOf(["1", "2"]))).toEqual([digest, null]);
  });

  it("refuses to be one without the bytes that manifests need, and restores the rest when they are damaged later", async () => {
    const first = await registry.pushImage("app", "1", "first");
    const path = (await FileSystemBlobStore.open(join(registry.root, "registry/blobs"))).pathOf(sha256Of("first"));
    await back();
    const kept = (await FileSystemBlobStore.open(join(to(), "blobs"))).pathOf(sha256Of("first"));
    await rm(kept);
    await rm(path);
    await expect(back()).rejects.toMatchObject({ code: "BACKUP", message: expect.stringContaining(sha256Of("first")) });
    const whole = await registry.pushImage("app", "2", "second");
    await writeFile(kept, "wrong");
    await writeFile(path, "first");
    await back();
    await writeFile(kept, "wrong");
    const root = join(folder, "other");
    const missing = [{ repository: "app", manifest: first.digest, blob: sha256Of("first") }];
    expect(await restoreBackup({ root, folder: to() })).toMatchObject({ blobs: 3, damagedBlobs: 1, missing });
    await using copy = await startTestServer({ root });
    expect(await digestsOf(["1", "2"])(copy)).toEqual([first.digest, whole.digest]);
    expect((await copy.send("GET", `/v2/app/blobs/${sha256Of("first")}`)).status).toBe(404);
    expect(await (await copy.send("GET", `/v2/app/blobs/${sha256Of("second")}`)).text()).toBe("second");
  });

  it("copies anew what it finds damaged of earlier ones: other sizes always, other bytes when it verifies", async () => {
    await registry.pushImage("app", "1", "first");
    await back();
    const path = (await FileSystemBlobStore.open(join(to(), "blobs"))).pathOf(sha256Of("first"));
    await writeFile(path, "fir");
    expect(await back()).toMatchObject({ blobs: 1, reusedBlobs: 1 });
    expect(await readFile(path, "utf8")).toBe("first");
    await writeFile(path, "tsrif");
    expect(await back()).toMatchObject({ blobs: 0, reusedBlobs: 2 });
    const verified = await backUp({ root: registry.root, folder: to(), takeSnapshot, verify: true });
    expect(verified).toMatchObject({ blobs: 1, reusedBlobs: 1 });
    expect(await readFile(path, "utf8")).toBe("first");
  });

  it("keeps a whole blob whose source is damaged", async () => {
    await registry.pushImage("app", "1", "first");
    await back();
    await writeFile(
      (await FileSystemBlobStore.open(join(registry.root, "registry/blobs"))).pathOf(sha256Of("first")),
      "f",
    );
    expect(await back()).toMatchObject({ blobs: 0, reusedBlobs: 2 });
    expect((await restoreBackup({ root: join(folder, "r"), folder: to() })).missing).toEqual([]);
  });

  it("is restored over no registry, and of no folder that is none", async () => {
    await registry.pushImage("app", "1", "first");
    await back();
    await expect(restoreBackup({ root: registry.root, folder: to() })).rejects.toMatchObject({ code: "BACKUP" });
    await mkdir(join(folder, "empty"));
    const empty = { root: join(folder, "x"), folder: join(folder, "empty") };
    await expect(restoreBackup(empty)).rejects.toMatchObject({ code: "BACKUP" });
    const none = { root: join(folder, "empty"), folder: to(), takeSnapshot };
    await expect(backUp(none)).rejects.toMatchObject({ code: "BACKUP" });
  });
});
