import { sha256Of } from "@sluice/oci/content";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlobStore } from "../blob/blob-store.js";
import type { UploadStore } from "../blob/upload-store.js";
import { collect, Pieces } from "./blob-store-suite.js";
import { seededBytes } from "./chunks.js";

export interface OpenedUploadStore extends AsyncDisposable {
  readonly uploads: UploadStore;
  readonly blobs: BlobStore;
  /** The same uploads, as the next life of the process sees them. */
  readonly reopen: () => Promise<UploadStore>;
}

/** What every UploadStore owes its callers. */
export function uploadStoreSuite(name: string, open: () => Promise<OpenedUploadStore>): void {
  describe(`${name} is an UploadStore`, () => {
    const bytes = seededBytes("upload", 900_000);
    const digest = sha256Of(bytes);
    let opened: OpenedUploadStore;
    let uploads: UploadStore;
    beforeEach(async () => {
      opened = await open();
      uploads = opened.uploads;
    });
    afterEach(() => opened[Symbol.asyncDispose]());

    it("makes a blob of the pieces, in order", async () => {
      const id = await uploads.create();
      expect(await uploads.append(id, 0, new Pieces(bytes.subarray(0, 300_000)))).toBe(300_000);
      expect(await uploads.append(id, 300_000, new Pieces(bytes.subarray(300_000)))).toBe(900_000);
      expect(await uploads.commit(id, { digest })).toEqual({ digest, sizeBytes: 900_000 });
      expect(Buffer.compare(await collect(opened.blobs.read(digest)), bytes)).toBe(0);
      await expect(uploads.status(id)).rejects.toMatchObject({ code: "UPLOAD_UNKNOWN" });
    });

    it("goes on after a restart", async () => {
      const id = await uploads.create();
      await uploads.append(id, 0, new Pieces(bytes.subarray(0, 123_456)));
      const next = await opened.reopen();
      expect(await next.status(id)).toMatchObject({ id, sizeBytes: 123_456 });
      await next.append(id, 123_456, new Pieces(bytes.subarray(123_456)));
      expect(await next.commit(id, { digest, sizeBytes: 900_000 })).toEqual({ digest, sizeBytes: 900_000 });
      expect(await opened.blobs.sizeOf(digest)).toBe(900_000);
    });

    it("keeps what had arrived when a source fails, and goes on from there", async () => {
      const id = await uploads.create();
      const failure = new Error("connection lost");
      await expect(uploads.append(id, 0, new Pieces(bytes.subarray(0, 200_000), failure))).rejects.toBe(failure);
      const { sizeBytes } = await uploads.status(id);
      expect(sizeBytes).toBe(200_000);
      await uploads.append(id, sizeBytes, new Pieces(bytes.subarray(sizeBytes)));
      await uploads.commit(id, { digest });
      expect(await opened.blobs.has(digest)).toBe(true);
    });

    it("refuses bytes that do not continue it, and says where it stands", async () => {
      const id = await uploads.create();
      await uploads.append(id, 0, new Pieces(bytes.subarray(0, 10)));
      await expect(uploads.append(id, 5, new Pieces(bytes))).rejects.toMatchObject({
        code: "UPLOAD_OFFSET",
        sizeBytes: 10,
      });
    });

    it("ends with nothing when the bytes are not the ones named", async () => {
      for (const expected of [{ digest: sha256Of("other") }, { digest, sizeBytes: 7 }]) {
        const id = await uploads.create();
        await uploads.append(id, 0, new Pieces(bytes));
        await expect(uploads.commit(id, expected)).rejects.toThrow(/expected/);
        await expect(uploads.status(id)).rejects.toMatchObject({ code: "UPLOAD_UNKNOWN" });
      }
      expect(await opened.blobs.has(digest)).toBe(false);
    });

    it("lets one writer at a time at it", async () => {
      const id = await uploads.create();
      const both = [uploads.append(id, 0, new Pieces(bytes)), uploads.append(id, 0, new Pieces(bytes))];
      const outcomes = await Promise.allSettled(both);
      expect(outcomes.map((outcome) => outcome.status)).toEqual(["fulfilled", "rejected"]);
      expect(outcomes[1]).toMatchObject({ reason: { code: "UPLOAD_BUSY" } });
    });

    it("forgets what is aborted, and takes aborting again for nothing", async () => {
      const id = await uploads.create();
      await uploads.abort(id);
      await uploads.abort(id);
      await expect(uploads.append(id, 0, new Pieces(bytes))).rejects.toMatchObject({ code: "UPLOAD_UNKNOWN" });
    });

    it("lists what is under way", async () => {
      const ids = [await uploads.create(), await uploads.create()];
      const listed = [];
      for await (const { id, sizeBytes } of uploads.list()) listed.push([id, sizeBytes]);
      expect(listed.sort()).toEqual(ids.map((id) => [id, 0]).sort());
    });

    it("knows no upload whose id is a path", async () => {
      for (const id of ["../../etc/passwd", "", ".", "a/b", `${await uploads.create()}/x`]) {
        await expect(uploads.status(id)).rejects.toMatchObject({ code: "UPLOAD_UNKNOWN" });
        await uploads.abort(id);
      }
    });
  });
}
