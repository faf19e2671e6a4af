import { sha256Of } from "@sluice/oci/content";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChunkMissingError, verifyChunk } from "../chunk/chunk-source.js";
import type { ChunkStore } from "../chunk/chunk-store.js";
import { MISS, SharedChunkReader } from "../chunk/shared-chunk-reader.js";
import { claimsOf, seededBytes, seededChunk } from "./chunks.js";

/** What every ChunkStore owes its callers. Run it against each implementation, and each wrapper. `open` gives an empty store. */
export function chunkStoreSuite(name: string, open: () => Promise<ChunkStore>): void {
  describe(`${name} is a ChunkStore`, () => {
    let store: ChunkStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it("gives back exactly the bytes that were put", async () => {
      const chunks = [
        seededChunk("a", 1),
        seededChunk("b", 4096),
        seededChunk("c", 1024 * 1024),
        seededChunk("d", 70_001),
      ];
      for (const chunk of chunks) expect(await store.put(chunk)).toBe("stored");
      for (const chunk of chunks) expect(Buffer.compare(await store.get(chunk.id), chunk.bytes)).toBe(0);
    });

    it("takes only bytes that hash to their id", () => {
      const chunk = seededChunk("real");
      expect(() => verifyChunk(chunk.id, seededBytes("false", 100))).toThrow(
        expect.objectContaining({ code: "DIGEST_MISMATCH" }),
      );
    });

    it("says that it has a chunk only once it was put", async () => {
      const chunk = seededChunk(1);
      expect(await store.has(chunk.id)).toBe(false);
      await store.put(chunk);
      expect(await store.has(chunk.id)).toBe(true);
    });

    it("names the chunk that it does not have", async () => {
      const id = sha256Of("never put");
      await expect(store.get(id)).rejects.toThrow(ChunkMissingError);
      await expect(store.get(id)).rejects.toMatchObject({ code: "CHUNK_MISSING", id });
    });

    it("stores a chunk once, however often and by how many it is put", async () => {
      const chunk = seededChunk(2);
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => store.put(chunk)));
      expect(outcomes.filter((outcome) => outcome === "stored")).toHaveLength(1);
      expect(await store.put(chunk)).toBe("present");
      expect(store.stats().chunks).toBe(1);
    });

    it("refuses chunks that are empty or too long", async () => {
      await expect(store.put(seededChunk("empty", 0))).rejects.toThrow(RangeError);
      await expect(store.put(seededChunk("long", 1024 * 1024 + 1))).rejects.toThrow(/1048577 bytes/);
    });

    it("rejects with the caller's own reason when the signal has already fired", async () => {
      const reason = new Error("the caller's own");
      const options = { signal: AbortSignal.abort(reason) };
      const chunk = seededChunk(3);
      await expect(store.get(chunk.id, options)).rejects.toBe(reason);
      await expect(store.has(chunk.id, options)).rejects.toBe(reason);
      await expect(store.put(chunk, options)).rejects.toBe(reason);
      const { ids, lengths } = claimsOf([chunk]);
      await expect(store.bind(ids, lengths, options)).rejects.toBe(reason);
      await expect(store.gc(options)).rejects.toBe(reason);
      expect(await store.has(chunk.id)).toBe(false);
    });

    readerSuite(() => store);
    bindingSuite(() => store);

    it("finds nothing wrong with what it stores when it scrubs", async () => {
      for (let i = 0; i < 5; i++) await store.put(seededChunk(i));
      let checked = 0;
      for await (const { damaged, checkedChunks } of store.scrub()) {
        expect(damaged).toEqual([]);
        checked = checkedChunks;
      }
      expect(checked).toBe(5);
    });
  });
}

function readerSuite(store: () => ChunkStore): void {
  describe("its shared reader", () => {
    const bound = async (chunks: ReturnType<typeof seededChunk>[]) => {
      const { ids, lengths } = claimsOf(chunks);
      const binding = await store().bind(ids, lengths);
      return { binding, reader: new SharedChunkReader(store().shared, store().addReader()) };
    };

    it("misses what is absent, and hits it from the moment that it is put", async () => {
      const chunk = seededChunk("later");
      const { binding, reader } = await bound([chunk]);
      const slot = binding.slots[0] ?? -1;
      const into = new Uint8Array(100);
      expect(reader.read(slot, 0, 100, into, 0)).toBe(MISS);
      await store().put(chunk);
      expect(reader.read(slot, 0, 100, into, 0)).toBe(100);
      expect(into).toEqual(Uint8Array.from(chunk.bytes.subarray(0, 100)));
      expect(store().stats().readers).toMatchObject({ hits: 1, hitBytes: 100, misses: 1 });
    });

    it("hits what was stored before the disk was bound", async () => {
      const chunk = seededChunk("earlier");
      await store().put(chunk);
      const { binding, reader } = await bound([chunk]);
      const into = new Uint8Array(200);
      expect(reader.read(binding.slots[0] ?? -1, 1000, 150, into, 16)).toBe(150);
      expect(into.subarray(16, 166)).toEqual(Uint8Array.from(chunk.bytes.subarray(1000, 1150)));
      expect(into.subarray(0, 16)).toEqual(new Uint8Array(16));
    });

    it("reads up to the end of a chunk and no further", async () => {
      const chunk = seededChunk("end", 5000);
      await store().put(chunk);
      const { binding, reader } = await bound([chunk]);
      const slot = binding.slots[0] ?? -1;
      const into = new Uint8Array(4096);
      expect(reader.read(slot, 4096, 4096, into, 0)).toBe(904);
      expect(reader.read(slot, 5000, 1, into, 0)).toBe(0);
    });

    it("says once that a marked chunk was hit", async () => {
      const chunk = seededChunk("marked");
      await store().put(chunk);
      const { ids, lengths } = claimsOf([chunk]);
      const binding = await store().bind(ids, lengths);
      const slot = binding.slots[0] ?? -1;
      const hit: number[] = [];
      const reader = new SharedChunkReader(store().shared, store().addReader(), {
        onMark: (marked) => hit.push(marked),
      });
      const into = new Uint8Array(10);
      reader.read(slot, 0, 10, into, 0);
      store().mark(slot);
      reader.read(slot, 0, 10, into, 0);
      reader.read(slot, 0, 10, into, 0);
      expect(hit).toEqual([slot]);
    });

    it("leaves marks to other readers where nobody listens, and reads through the descriptors of the process", async () => {
      const chunk = seededChunk("own descriptors");
      await store().put(chunk);
      const { ids, lengths } = claimsOf([chunk]);
      const binding = await store().bind(ids, lengths);
      const slot = binding.slots[0] ?? -1;
      const hit: number[] = [];
      const open = (options: { ownDescriptors?: boolean; onMark?: (slot: number) => void }) =>
        new SharedChunkReader(store().shared, store().addReader(), options);
      const [silent, listening] = [open({ ownDescriptors: true }), open({ onMark: (marked) => hit.push(marked) })];
      const into = new Uint8Array(chunk.bytes.byteLength);
      for (const offset of [0, 0, 100]) {
        store().mark(slot);
        expect(silent.read(slot, offset, into.byteLength, into, 0)).toBe(into.byteLength - offset);
        expect(Buffer.compare(into.subarray(0, into.byteLength - offset), chunk.bytes.subarray(offset))).toBe(0);
      }
      listening.read(slot, 0, 1, into, 0);
      expect(hit).toEqual([slot]);
    });
  });
}

function bindingSuite(store: () => ChunkStore): void {
  describe("its bindings", () => {
    it("give one slot to a chunk that two disks contain, and none to zero chunks", async () => {
      const [a, b, c] = [seededChunk("a"), seededChunk("b"), seededChunk("c")];
      const first = claimsOf([a, b]);
      const second = claimsOf([b, c]);
      const one = await store().bind(
        Buffer.concat([first.ids, new Uint8Array(32)]),
        Uint32Array.of(...first.lengths, 0),
      );
      const two = await store().bind(second.ids, second.lengths);
      expect(one.slots[1]).toBe(two.slots[0]);
      expect(one.slots[2]).toBe(-1);
      expect(new Set([...one.slots, ...two.slots]).size).toBe(4);
    });

    it("keep their chunks from the collector, and nothing else", async () => {
      const kept = seededChunk("kept");
      const loose = seededChunk("loose");
      const { ids, lengths } = claimsOf([kept]);
      const binding = await store().bind(ids, lengths);
      await store().put(kept);
      await store().put(loose);
      expect(await store().gc()).toBeGreaterThanOrEqual(loose.bytes.byteLength);
      expect(await store().has(kept.id)).toBe(true);
      expect(await store().has(loose.id)).toBe(false);
      expect(await store().gc()).toBe(0);
      await binding.close();
      expect(await store().gc()).toBeGreaterThan(0);
      expect(await store().has(kept.id)).toBe(false);
    });

    it("leave a chunk to the other disk when one is closed", async () => {
      const chunk = seededChunk("shared");
      const { ids, lengths } = claimsOf([chunk]);
      const one = await store().bind(ids, lengths);
      const two = await store().bind(ids, lengths);
      await store().put(chunk);
      await one.close();
      await one.close();
      const reader = new SharedChunkReader(store().shared, store().addReader());
      expect(reader.read(two.slots[0] ?? -1, 0, 8, new Uint8Array(8), 0)).toBe(8);
    });

    it("refuse claims that cannot be", async () => {
      const { ids } = claimsOf([seededChunk(1)]);
      await expect(store().bind(ids, Uint32Array.of(0))).rejects.toThrow(RangeError);
      await expect(store().bind(ids, Uint32Array.of(1024 * 1024 + 1))).rejects.toThrow(RangeError);
      await expect(store().bind(ids, Uint32Array.of(1, 2))).rejects.toThrow(RangeError);
    });
  });
}
