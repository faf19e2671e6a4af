import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingPrograms } from "@sluice/oci/testing";
import {
  type ChunkStore,
  type ChunkStoreEvent,
  MISS,
  openChunkStore,
  SharedChunkReader,
  type VerifiedChunk,
} from "@sluice/store";
import { claimsOf, seededChunk } from "@sluice/store/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const run = (command: string, ...args: string[]): string => execFileSync(command, args, { stdio: "pipe" }).toString();

/** The file's pages leave memory, but for those that are still to be written. */
const forgetPages = (path: string): string => run("dd", `if=${path}`, "iflag=nocache", "count=0");

const missing = missingPrograms({ "mkfs.ext4": "e2fsprogs" });

describe.skipIf(missing !== "")(
  `on a disk that takes writes and loses them (ext4 of 128 MiB on a loop device over 24 MiB) ${missing}`,
  () => {
    let folder: string;
    let device: string;
    const events: ChunkStoreEvent[] = [];
    beforeEach(async () => {
      events.length = 0;
      folder = await mkdtemp(join(tmpdir(), "sluice-lost-"));
      run("mount", "-t", "tmpfs", "-o", "size=24m", "sluice-thin", folder);
      run("truncate", "-s", "128M", join(folder, "image"));
      run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1", join(folder, "image"));
      await mkdir(join(folder, "disk"));
      device = run("losetup", "--find", "--show", join(folder, "image")).trim();
      run("mount", device, join(folder, "disk"));
    });
    afterEach(async () => {
      run("umount", "--lazy", join(folder, "disk")); // a store that a failed test left open is busy
      run("losetup", "-d", device);
      run("umount", "--lazy", folder);
      await rm(folder, { recursive: true });
    });

    const openStore = (): Promise<ChunkStore> =>
      openChunkStore({
        folder: join(folder, "disk", "chunks"),
        budgetBytes: 100 * 1024 * 1024,
        maxSlots: 1000,
        retryAfterMs: 50,
        onEvent: (event) => events.push(event),
      });

    /** Reads every chunk as a worker thread does. @returns how many are not there; a wrong byte fails the test */
    function countMisses(store: ChunkStore, slots: Int32Array, chunks: readonly VerifiedChunk[]): number {
      const number = store.addReader();
      const reader = new SharedChunkReader(store.shared, number);
      const into = new Uint8Array(1024 * 1024);
      let misses = 0;
      for (const [i, chunk] of chunks.entries()) {
        if (reader.read(slots[i] ?? -1, 0, into.length, into, 0) === MISS) misses++;
        else expect(Buffer.compare(into.subarray(0, chunk.bytes.length), chunk.bytes)).toBe(0);
      }
      store.removeReader(number);
      return misses;
    }

    it("the chunk store never serves what was lost, says so, and closes", async () => {
      const store = await openStore();
      const chunks = Array.from({ length: 60 }, (_, i) => seededChunk(i, 1024 * 1024));
      const { ids, lengths } = claimsOf(chunks);
      const { slots } = await store.bind(ids, lengths);
      for (const chunk of chunks) await store.put(chunk);
      // What the disk says first depends on whether its journal has failed by then.
      await expect.poll(() => store.stats().degraded, { timeout: 20_000 }).toBeDefined();
      await expect.poll(() => store.stats().chunks, { timeout: 20_000 }).toBeLessThan(60);

      const segments = join(folder, "disk", "chunks", "segments");
      const missesOnDisk = async (): Promise<number> => {
        for (const name of await readdir(segments)) forgetPages(join(segments, name));
        return countMisses(store, slots, chunks);
      };
      // One segment after the other is synced, and found out.
      await expect.poll(missesOnDisk, { timeout: 30_000, interval: 300 }).toBeGreaterThan(20);
      expect(events.map(({ kind }) => kind)).toContain("degraded");
      await store.close();
    });

    it("the chunk store has nothing while reading its disk fails, throws in nobody's way, and serves nothing wrong", async () => {
      const store = await openStore();
      const chunks = Array.from({ length: 20 }, (_, i) => seededChunk(i, 500_000));
      const { ids, lengths } = claimsOf(chunks);
      const { slots } = await store.bind(ids, lengths);
      for (const chunk of chunks) expect(await store.put(chunk)).toBe("stored");
      run("sync", "-f", join(folder, "disk"));
      const segments = join(folder, "disk", "chunks", "segments");
      for (const name of await readdir(segments)) forgetPages(join(segments, name));
      expect(countMisses(store, slots, chunks.slice(0, 1))).toBe(0);

      run("truncate", "-s", "1M", join(folder, "image")); // what lies behind it gives EIO
      for (const name of await readdir(segments)) forgetPages(join(segments, name));
      expect(() => run("dd", `if=${device}`, "of=/dev/null", "skip=64", "bs=1M", "count=1", "iflag=direct")).toThrow();
      expect(countMisses(store, slots, chunks)).toBe(chunks.length);
      for (const chunk of chunks) await expect(store.get(chunk.id)).rejects.toMatchObject({ code: "CHUNK_MISSING" });
      await store.close().catch(() => undefined); // its index is on the same disk
    });

    it("the chunk store serves what it has and takes nothing while its disk is read-only, and throws in nobody's way", async () => {
      const store = await openStore();
      const chunks = Array.from({ length: 10 }, (_, i) => seededChunk(i, 100_000));
      const { ids, lengths } = claimsOf(chunks);
      const { slots } = await store.bind(ids, lengths);
      for (const chunk of chunks.slice(0, 5)) expect(await store.put(chunk)).toBe("stored");
      run("sync", "-f", join(folder, "disk"));
      run("mount", "-o", "remount,abort", join(folder, "disk")); // as after an error of the journal: read-only from now on

      for (const chunk of chunks.slice(5)) {
        expect(await store.put(chunk)).toBe("not-stored");
        await new Promise((done) => setTimeout(done, 60)); // the next one tries again
      }
      expect(store.stats().degraded).toMatch(/read-only|EROFS|IO error/i);
      expect(events.filter(({ kind }) => kind === "degraded")).toHaveLength(1);
      for (const [i, chunk] of chunks.entries()) {
        if (i < 5) expect(Buffer.compare(await store.get(chunk.id), chunk.bytes)).toBe(0);
        else await expect(store.get(chunk.id)).rejects.toMatchObject({ code: "CHUNK_MISSING" });
      }
      expect(countMisses(store, slots, chunks)).toBe(5);
      for await (const { damaged } of store.scrub()) expect(damaged).toEqual([]);
      await store.close();
    });
  },
);
