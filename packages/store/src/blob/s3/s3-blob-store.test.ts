import { sha256Of } from "@sluice/oci/content";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { collect } from "../../testing/blob-store-suite.js";
import { S3BlobStore } from "./s3-blob-store.js";
import { S3Bucket } from "./s3-bucket.js";

describe("reads of a blob in S3", () => {
  const digest = sha256Of("0123456789");
  let bucket: S3Bucket;
  let store: S3BlobStore;
  beforeEach(() => {
    bucket = new S3Bucket({ bucket: "b", endpoint: "http://127.0.0.1:1" });
    store = new S3BlobStore(bucket);
    vi.spyOn(bucket, "sizeOf").mockResolvedValue(10);
    vi.spyOn(bucket, "read").mockImplementation(async (_key, start, end) =>
      (async function* () {
        yield Buffer.from("0123456789").subarray(start, end);
      })(),
    );
  });
  afterEach(() => bucket.close());

  it("ask for its size once, however many ranges they take", async () => {
    for (const start of [0, 3, 6]) {
      const bytes = await collect(store.read(digest, { start, end: start + 3 }));
      expect(Buffer.from(bytes).toString()).toBe("0123456789".slice(start, start + 3));
    }
    expect(bucket.sizeOf).toHaveBeenCalledTimes(1);
    await expect(collect(store.read(digest, { start: 3, end: 11 }))).rejects.toThrow(RangeError);
  });

  it("cost no request for a size that is remembered, where that will do", async () => {
    expect(await store.sizeOf(digest, { mayBeRemembered: true })).toBe(10);
    expect(await store.sizeOf(digest, { mayBeRemembered: true })).toBe(10);
    expect(bucket.sizeOf).toHaveBeenCalledTimes(1);
    expect(await store.sizeOf(digest)).toBe(10);
    expect(bucket.sizeOf).toHaveBeenCalledTimes(2);
    vi.mocked(bucket.read).mockResolvedValue(undefined);
    await expect(collect(store.read(digest))).rejects.toThrow(/the bucket/);
    await store.sizeOf(digest, { mayBeRemembered: true });
    expect(bucket.sizeOf).toHaveBeenCalledTimes(3);
  });

  it("find out that it was removed, although they know its size", async () => {
    await store.sizeOf(digest);
    vi.mocked(bucket.sizeOf).mockResolvedValue(undefined);
    vi.mocked(bucket.read).mockResolvedValue(undefined);
    expect(await store.has(digest)).toBe(false);
    await expect(collect(store.read(digest, { start: 0, end: 3 }))).rejects.toThrow(/the bucket/);
  });
});
