import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChunkStoreEvent, MISS, openChunkStore, SharedChunkReader } from "@sluice/store";
import { claimsOf, seededChunk } from "@sluice/store/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const run = (command: string, ...args: string[]): string => execFileSync(command, args, { stdio: "pipe" }).toString();

/** The file's pages leave memory, but for those that are still to be written. */
const forgetPages = (path: string): string => run("dd", `if=${path}`, "iflag=nocache", "count=0");

describe("on a disk that takes writes and loses them (ext4 of 128 MiB on a loop device over 24 MiB)", () => {
  let folder: string;
  let device: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-lost-"));
    run("mount", "-t", "tmpfs", "-o", "size=24m", "sluice-thin", folder);
    run("truncate", "-s", "128M", join(folder, "image"));
    run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1", join(folder, "image"));
    await mkdir(join(folder, "disk"));
    device = run("losetup", "--find", "--show", join(folder, "image")).trim();
    run("mount", device, join(folder, "disk"));
  });
  afterEach(async () => {
    run("umount", join(folder, "disk"));
    run("losetup", "-d", device);
    run("umount", folder);
    await rm(folder, { recursive: true });
  });

  it("the chunk store never serves what was lost, and says that it was", async () => {
    const events: ChunkStoreEvent[] = [];
    const store = await openChunkStore({
      folder: join(folder, "disk", "chunks"),
      budgetBytes: 100 * 1024 * 1024,
      maxSlots: 1000,
      onEvent: (event) => events.push(event),
    });
    const chunks = Array.from({ length: 60 }, (_, i) => seededChunk(i, 1024 * 1024));
    const { ids, lengths } = claimsOf(chunks);
    const { slots } = await store.bind(ids, lengths);
    for (const chunk of chunks) await store.put(chunk);
    await expect.poll(() => store.stats().degraded, { timeout: 20_000 }).toMatch(/lost what was written/);
    await expect.poll(() => store.stats().chunks, { timeout: 20_000 }).toBeLessThan(60);

    const segments = join(folder, "disk", "chunks", "segments");
    for (const name of await readdir(segments)) forgetPages(join(segments, name));
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const into = new Uint8Array(1024 * 1024);
    let misses = 0;
    for (const [i, chunk] of chunks.entries()) {
      if (reader.read(slots[i] ?? -1, 0, into.length, into, 0) === MISS) misses++;
      else expect(Buffer.compare(into, chunk.bytes)).toBe(0);
    }
    expect(misses).toBeGreaterThan(20);
    expect(events.filter(({ kind }) => kind === "degraded")).toHaveLength(1);
    await store.close();
  });
});
