import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { ensureDaemon } from "@sluice/snapshotter/client";
import { type ChunkStoreEvent, FileSystemBlobStore, FileSystemUploadStore, openChunkStore } from "@sluice/store";
import { claimsOf, seededBytes, seededChunk } from "@sluice/store/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

describe("on a disk of 8 MiB", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "sluice-full", folder]);
  });
  afterEach(async () => {
    execFileSync("umount", [folder]);
    await rm(folder, { recursive: true });
  });

  it("the chunk store says what it could not keep, loudly, keeps the rest, and goes on when there is room", async () => {
    const events: ChunkStoreEvent[] = [];
    const options = { folder: join(folder, "chunks"), budgetBytes: 64 * 1024 * 1024, maxSlots: 1000, retryAfterMs: 50 };
    const store = await openChunkStore({ ...options, onEvent: (event) => events.push(event) });
    const ballast = join(folder, "ballast");
    await writeFile(ballast, Buffer.alloc(2 * 1024 * 1024));
    const chunks = Array.from({ length: 100 }, (_, i) => seededChunk(i, 100_000));
    const { ids, lengths } = claimsOf(chunks);
    await store.bind(ids, lengths);
    const outcomes = [];
    for (const chunk of chunks) outcomes.push(await store.put(chunk));

    expect(outcomes.filter((outcome) => outcome === "stored").length).toBeGreaterThan(30);
    expect(outcomes.filter((outcome) => outcome === "not-stored").length).toBeGreaterThan(20);
    expect(store.stats().degraded).toMatch(/ENOSPC/);
    expect(store.stats().notStored).toBe(outcomes.filter((outcome) => outcome === "not-stored").length);
    expect(events.filter((event) => event.kind === "degraded")).toHaveLength(1);
    for (const [i, chunk] of chunks.entries()) {
      expect(await store.has(chunk.id)).toBe(outcomes[i] === "stored");
      if (outcomes[i] === "stored") expect(Buffer.compare(await store.get(chunk.id), chunk.bytes)).toBe(0);
    }

    await rm(ballast);
    await expect.poll(() => store.put(seededChunk("later", 100_000)), { timeout: 5000 }).toMatch(/stored|present/);
    await expect
      .poll(async () => (await store.put(seededChunk("later", 100_000))) === "present", { timeout: 5000 })
      .toBe(true);
    expect(store.stats().degraded).toBeUndefined();
    expect(events.at(-1)).toMatchObject({ kind: "recovered" });
    await store.close();

    const again = await openChunkStore(options);
    for (const [i, chunk] of chunks.entries()) {
      if (outcomes[i] === "stored") expect(Buffer.compare(await again.get(chunk.id), chunk.bytes)).toBe(0);
    }
    await again.close();
  });

  it("a daemon is not even started where nothing is free, and says so at once", async () => {
    const root = join(folder, "root");
    await mkdir(root);
    await writeFile(join(folder, "ballast"), seededBytes("ballast", 8 * 1024 * 1024)).catch(() => undefined); // all there is
    const starting = ensureDaemon(root, { entry: ["-e", "setTimeout(() => {}, 3000)"] });
    await expect(starting).rejects.toThrow(/cannot start: no space is left in .*Free some/);
    expect(await readdir(root)).toEqual([]);
  });

  it("the blob store names the full place and leaves nothing", async () => {
    const store = await FileSystemBlobStore.open(join(folder, "blobs"));
    const bytes = seededBytes("too big", 9 * 1024 * 1024);
    const expected = { digest: sha256Of(bytes), sizeBytes: bytes.length };
    await expect(store.put(expected, once(bytes))).rejects.toMatchObject({
      code: "NO_SPACE",
      path: join(folder, "blobs"),
    });
    expect(await store.has(expected.digest)).toBe(false);
    expect(await readdir(join(folder, "blobs", "tmp"))).toEqual([]);
    const small = seededBytes("small", 1000);
    await store.put({ digest: sha256Of(small) }, once(small));
    expect(await store.sizeOf(sha256Of(small))).toBe(1000);
  });

  it("an upload keeps what had arrived, and goes on when there is room", async () => {
    const blobs = await FileSystemBlobStore.open(join(folder, "blobs"));
    const uploads = await FileSystemUploadStore.open(join(folder, "blobs", "uploads"), blobs);
    const ballast = join(folder, "ballast");
    await writeFile(ballast, Buffer.alloc(4 * 1024 * 1024));
    const bytes = seededBytes("upload", 5 * 1024 * 1024);
    const id = await uploads.create();
    await expect(uploads.append(id, 0, once(bytes))).rejects.toMatchObject({ code: "NO_SPACE" });
    const { sizeBytes } = await uploads.status(id);
    expect(sizeBytes).toBeGreaterThan(1024 * 1024);
    await rm(ballast);
    await uploads.append(id, sizeBytes, once(bytes.subarray(sizeBytes)));
    expect(await uploads.commit(id, { digest: sha256Of(bytes) })).toMatchObject({ sizeBytes: bytes.length });
  });
});
