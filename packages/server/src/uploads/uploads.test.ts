import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { FileSystemBlobStore, FileSystemUploadStore } from "@sluice/store";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LevelMetadataStore } from "../metadata/level-metadata-store.js";
import { parseRepositoryName } from "../registry/repository-name.js";
import type { UploadLimits } from "./upload-limits.js";
import { Uploads } from "./uploads.js";

const app = parseRepositoryName("team/app");
const text = "content";

async function* piecesOf(...pieces: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}

describe("uploads of repositories", () => {
  let folder: string;
  let metadata: LevelMetadataStore;
  let uploads: Uploads;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-uploads-"));
    metadata = await LevelMetadataStore.open(join(folder, "metadata"));
    uploads = await openUploads();
  });
  afterEach(async () => {
    await metadata[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  const openUploads = async (limits?: UploadLimits): Promise<Uploads> => {
    const blobs = await FileSystemBlobStore.open(join(folder, "blobs"));
    return await Uploads.open(
      await FileSystemUploadStore.open(join(folder, "uploads"), blobs),
      blobs,
      metadata,
      limits,
    );
  };
  const unfinished = (): Promise<string[]> => readdir(join(folder, "uploads"));

  it("expire when nobody has touched them for too long, and only those", async () => {
    const old = await uploads.start(app);
    const before = Date.now() + 1;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const young = await uploads.start(app);
    expect(uploads.count()).toBe(2);
    expect(await uploads.expire(before)).toBe(1);
    await expect(uploads.status(app, old)).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN", status: 404 });
    expect(await metadata.repositoryOfUpload(old)).toBeUndefined();
    expect((await uploads.status(app, young)).sizeBytes).toBe(0);
  });

  it("do not expire under whoever writes to them", async () => {
    const id = await uploads.start(app);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      await held;
      yield Buffer.from(text);
    };
    const writing = uploads.append(id, 0, slow());
    await expect
      .poll(() => uploads.append(id, 0, piecesOf("x")).catch((error: unknown) => error))
      .toMatchObject({
        status: 409,
      });
    expect(await uploads.expire(Date.now() + 60_000)).toBe(0);
    release();
    expect(await writing).toBe(text.length);
  });

  it("whose process died before it noted whose they are end at the next start, the others go on", async () => {
    const id = await uploads.start(app);
    vi.spyOn(metadata, "addUpload").mockReturnValueOnce(new Promise(() => undefined));
    void uploads.start(app);
    await expect.poll(unfinished).toHaveLength(2);
    uploads = await openUploads();
    expect([await uploads.endUnclaimed(), await unfinished(), uploads.count()]).toEqual([1, [id], 1]);
  });

  it("that cannot be noted leave nothing, and no slot taken", async () => {
    vi.spyOn(metadata, "addUpload").mockRejectedValueOnce(new Error("the database is away"));
    await expect(uploads.start(app, "someone")).rejects.toThrow("the database is away");
    expect([await unfinished(), uploads.count()]).toEqual([[], 0]);
  });

  it("are forgotten in the end when a process died between storing the blob and forgetting its upload", async () => {
    const id = await uploads.start(app);
    await uploads.append(id, 0, piecesOf(text));
    vi.spyOn(metadata, "removeUpload").mockRejectedValueOnce(new Error("killed"));
    await expect(uploads.commit(app, id, sha256Of(text))).rejects.toThrow("killed");
    const open = await uploads.start(app);
    await uploads.expire(0);
    expect(await Promise.all([id, open].map((one) => metadata.repositoryOfUpload(one)))).toEqual([undefined, app]);
  });

  it("refuse bytes that do not follow", async () => {
    const id = await uploads.start(app);
    await uploads.append(id, 0, piecesOf("con"));
    await expect(uploads.append(id, 0, piecesOf("con"))).rejects.toMatchObject({
      code: "BLOB_UPLOAD_INVALID",
      status: 416,
    });
    await uploads.append(id, 3, piecesOf("te", "nt"));
    await uploads.commit(app, id, sha256Of(text));
    expect(await metadata.hasBlob(app, sha256Of(text))).toBe(true);
    expect(await unfinished()).toEqual([]);
  });

  it("of one piece leave nothing when their source fails or their bytes are wrong", async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new Error("link lost");
    };
    await expect(uploads.push(app, sha256Of(text), broken())).rejects.toThrow("link lost");
    await expect(uploads.push(app, sha256Of(text), piecesOf("other"))).rejects.toMatchObject({
      code: "DIGEST_INVALID",
    });
    expect(await unfinished()).toEqual([]);
    expect(await metadata.hasBlob(app, sha256Of(text))).toBe(false);
  });

  describe("within limits", () => {
    const limits = { maxBlobBytes: 10, maxOpenInRepository: 2, maxOpen: 3 };
    const other = parseRepositoryName("other");

    it("refuse a blob that is too large, in one piece or in many, and free its bytes", async () => {
      uploads = await openUploads(limits);
      const tooLarge = { code: "SIZE_INVALID", status: 413 };
      await expect(uploads.push(app, sha256Of("x"), piecesOf("123456", "78901"))).rejects.toMatchObject(tooLarge);
      const id = await uploads.start(app);
      await uploads.append(id, 0, piecesOf("123456"));
      await expect(uploads.append(id, 6, piecesOf("78901"))).rejects.toMatchObject(tooLarge);
      expect(await unfinished()).toEqual([]);
      expect(uploads.count()).toBe(0);
      await uploads.push(app, sha256Of("1234567890"), piecesOf("1234567890"));
      expect(await metadata.hasBlob(app, sha256Of("1234567890"))).toBe(true);
    });

    it("are refused beyond the number a repository may have, and the whole may have, also after a restart", async () => {
      uploads = await openUploads(limits);
      const tooMany = { code: "TOOMANYREQUESTS", status: 429 };
      const first = await uploads.start(app);
      await uploads.start(app);
      await expect(uploads.start(app)).rejects.toMatchObject(tooMany);
      await expect(uploads.push(app, sha256Of("x"), piecesOf("x"))).rejects.toMatchObject(tooMany);
      uploads = await openUploads(limits);
      await expect(uploads.start(app)).rejects.toMatchObject(tooMany);
      await uploads.start(other);
      await expect(uploads.start(other)).rejects.toMatchObject(tooMany);
      expect((await unfinished()).length).toBe(3);
      await uploads.cancel(app, first);
      await uploads.push(other, sha256Of("x"), piecesOf("x"));
      await expect(uploads.start(app)).resolves.toMatch(/-/);
    });

    it("are counted out when another process has ended them, and counted when it began them", async () => {
      const [one, two] = [await openUploads(limits), await openUploads(limits)];
      const begun = [await one.start(app), await one.start(app)];
      for (const id of begun) await two.cancel(app, id);
      const id = await one.start(app);
      await two.start(other);
      await one.expire(0);
      expect(one.count()).toBe(2);
      await one.cancel(app, id);
      expect(one.count()).toBe(1);
    });

    it("are counted out when they end, well or badly", async () => {
      uploads = await openUploads(limits);
      for (const bytes of [text, "wrong"]) {
        const id = await uploads.start(app);
        await uploads.append(id, 0, piecesOf(bytes));
        await uploads.commit(app, id, sha256Of(text)).catch(() => undefined);
        expect(uploads.count()).toBe(0);
      }
    });
  });
});
