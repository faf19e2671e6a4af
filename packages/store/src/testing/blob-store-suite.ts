import { sha256Of } from "@sluice/oci/content";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlobStore } from "../blob/blob-store.js";
import { seededBytes } from "./chunks.js";

export interface OpenedBlobStore extends AsyncDisposable {
  readonly store: BlobStore;
  /** Files, or the like, beside the blobs: what unfinished writers left. */
  readonly leftovers: () => Promise<number>;
}

/** `bytes` in uneven pieces; counts how many were taken and whether the stream was closed. */
export class Pieces implements AsyncIterable<Uint8Array> {
  readonly #bytes: Uint8Array;
  readonly #failure: Error | undefined;
  taken = 0;
  isClosed = false;

  constructor(bytes: Uint8Array, failure?: Error) {
    this.#bytes = bytes;
    this.#failure = failure;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    let at = 0;
    return {
      next: async () => {
        if (at >= this.#bytes.length) {
          if (this.#failure !== undefined) throw this.#failure;
          return { done: true, value: undefined };
        }
        const value = this.#bytes.subarray(at, at + 1 + (at % 50_000));
        at += value.length;
        this.taken++;
        return { done: false, value };
      },
      return: async () => {
        this.isClosed = true;
        return { done: true, value: undefined };
      },
    };
  }
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What every BlobStore owes its callers. `open` gives an empty store. */
export function blobStoreSuite(name: string, open: () => Promise<OpenedBlobStore>): void {
  describe(`${name} is a BlobStore`, () => {
    const bytes = seededBytes("blob", 1_300_000);
    const digest = sha256Of(bytes);
    const expected = { digest, sizeBytes: bytes.length };
    let opened: OpenedBlobStore;
    let store: BlobStore;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened[Symbol.asyncDispose]());

    it("gives back what was put, whole and in ranges", async () => {
      await store.put(expected, new Pieces(bytes));
      expect(Buffer.compare(await collect(store.read(digest)), bytes)).toBe(0);
      for (const [start, end] of [
        [0, 1],
        [5, 5],
        [4095, 700_001],
        [1_299_999, 1_300_000],
      ] as const) {
        expect(Buffer.compare(await collect(store.read(digest, { start, end })), bytes.subarray(start, end))).toBe(0);
      }
    });

    it("knows the size of what it has, and that it has not the rest", async () => {
      expect(await store.sizeOf(digest)).toBeUndefined();
      expect(await store.has(digest)).toBe(false);
      await store.put(expected, new Pieces(bytes));
      expect(await store.sizeOf(digest)).toBe(bytes.length);
      expect(await store.has(digest)).toBe(true);
    });

    it("stores a blob of no bytes", async () => {
      const empty = sha256Of("");
      await store.put({ digest: empty, sizeBytes: 0 }, new Pieces(new Uint8Array(0)));
      expect(await collect(store.read(empty))).toHaveLength(0);
    });

    it("refuses a range outside the blob", async () => {
      await store.put(expected, new Pieces(bytes));
      for (const [start, end] of [
        [0, 1_300_001],
        [-1, 3],
        [7, 6],
        [0.5, 2],
      ] as const) {
        await expect(collect(store.read(digest, { start, end }))).rejects.toThrow(RangeError);
      }
    });

    it("names the blob that it does not have", async () => {
      await expect(collect(store.read(digest))).rejects.toMatchObject({ code: "BLOB_MISSING", digest });
    });

    it("keeps nothing of bytes that are not the ones named", async () => {
      const wrong = Uint8Array.from(bytes);
      wrong[1_000_000] = (wrong[1_000_000] ?? 0) ^ 1;
      await expect(store.put(expected, new Pieces(wrong))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      await expect(store.put(expected, new Pieces(bytes.subarray(1)))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
      expect(await store.has(digest)).toBe(false);
      expect(await opened.leftovers()).toBe(0);
    });

    it("stops reading a source that goes on past the size", async () => {
      const source = new Pieces(bytes);
      await expect(store.put({ digest, sizeBytes: 10_000 }, source)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
      expect(source.isClosed).toBe(true);
      expect(source.taken).toBeLessThan(20);
    });

    it("passes on what the source throws, and keeps nothing", async () => {
      const failure = new Error("connection lost");
      await expect(store.put(expected, new Pieces(bytes.subarray(0, 500_000), failure))).rejects.toBe(failure);
      expect(await store.has(digest)).toBe(false);
      expect(await opened.leftovers()).toBe(0);
    });

    it("ends with one whole blob and no leftovers when eight writers race", async () => {
      await Promise.all(Array.from({ length: 8 }, () => store.put(expected, new Pieces(bytes))));
      expect(Buffer.compare(await collect(store.read(digest)), bytes)).toBe(0);
      const listed = [];
      for await (const blob of store.list()) listed.push(blob);
      expect(listed).toEqual([{ digest, sizeBytes: bytes.length, storedAtMs: expect.any(Number) }]);
      expect(await opened.leftovers()).toBe(0);
    });

    it("closes the source unread when the blob is there already", async () => {
      await store.put(expected, new Pieces(bytes));
      const again = new Pieces(bytes);
      await store.put(expected, again);
      expect(again).toMatchObject({ taken: 0, isClosed: true });
    });

    it("deletes a blob once, and a reader who has begun reads to the end", async () => {
      await store.put(expected, new Pieces(bytes));
      const reading = store.read(digest)[Symbol.asyncIterator]();
      const first = await reading.next();
      expect(await store.delete(digest)).toBe(true);
      expect(await store.delete(digest)).toBe(false);
      let size = first.done ? 0 : first.value.length;
      for (let next = await reading.next(); !next.done; next = await reading.next()) size += next.value.length;
      expect(size).toBe(bytes.length);
      expect(await store.has(digest)).toBe(false);
    });

    it("rejects with the caller's own reason, also in the middle, and keeps nothing", async () => {
      const reason = new Error("the caller's own");
      const stop = new AbortController();
      const source = (async function* () {
        yield bytes.subarray(0, 1000);
        stop.abort(reason);
        yield bytes.subarray(1000);
      })();
      await expect(store.put(expected, source, { signal: stop.signal })).rejects.toBe(reason);
      await expect(store.sizeOf(digest, { signal: stop.signal })).rejects.toBe(reason);
      expect(await store.has(digest)).toBe(false);
      expect(await opened.leftovers()).toBe(0);
    });
  });
}
