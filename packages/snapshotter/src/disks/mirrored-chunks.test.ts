import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compressFrame } from "@sluice/disk";
import { hostRouting } from "@sluice/oci";
import { type Fault, TestRegistry } from "@sluice/oci/testing";
import { ChunkFetcher, type ChunkPlace, type ChunkStore, openChunkStore } from "@sluice/store";
import { claimsOf, seededChunk } from "@sluice/store/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BlobPlaces } from "./blob-places.js";
import { Registries } from "./registries.js";

const chunks = Array.from({ length: 4 }, (_, i) => seededChunk(i, 40_000));
const frames = chunks.map(({ bytes }) => compressFrame(bytes));
const blobBytes = Buffer.concat(frames);

let folder: string;
let server: TestRegistry;
let mirror: TestRegistry;
let registries: Registries;
let store: ChunkStore;
let fetcher: ChunkFetcher;
let places: ChunkPlace[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mirrored-"));
  server = await TestRegistry.start();
  mirror = await TestRegistry.start();
  const blob = server.store.repository("app").putBlob(blobBytes);
  mirror.store.repository("app").putBlob(blobBytes);
  registries = new Registries({ routing: hostRouting({ mirrors: { [server.host]: [`http://${mirror.host}`] } }) });
  const source = new BlobPlaces();
  source.add([blob], registries.open({ reference: `${server.host}/app:1` }));
  store = await openChunkStore({ folder, budgetBytes: 32 * 1024 * 1024, maxSlots: 100 });
  const { ids, lengths } = claimsOf(chunks);
  await store.bind(ids, lengths);
  fetcher = new ChunkFetcher({ source, store, config: { retryDelayMs: 1 } });
  let at = 0;
  places = chunks.map(({ id, bytes }, i) => {
    const start = at;
    at += frames[i]?.byteLength ?? 0;
    return { id, sizeBytes: bytes.byteLength, blob, frame: { start, end: at } };
  });
});
afterEach(async () => {
  await fetcher.close();
  await store.close();
  await registries.close();
  await Promise.all([server.close(), mirror.close()]);
  await rm(folder, { recursive: true });
});

const readAll = async (): Promise<void> => {
  for (const [i, place] of places.entries()) {
    await fetcher.fetch(place, "demand", (bytes) => {
      expect(Buffer.compare(bytes, chunks[i]?.bytes ?? Buffer.alloc(0))).toBe(0);
    });
  }
};

describe("chunks behind a mirror that serves ranges", () => {
  it("come from the mirror, range by range, for the registry that is named", async () => {
    await readAll();
    expect(server.requests).toEqual([]);
    expect(mirror.requests).toHaveLength(chunks.length);
    for (const { headers, query } of mirror.requests) {
      expect(headers["range"]).toMatch(/^bytes=\d+-\d+$/);
      expect(query).toBe(`?ns=${encodeURIComponent(server.host)}`);
    }
  });

  it.each([{ kind: "wrong-bytes" }, { kind: "reset" }, { kind: "html" }, { kind: "status", status: 503 }] as Fault[])(
    "come from the registry, right, once the mirror has answered with $kind",
    async (fault) => {
      mirror.faults.add({ fault });
      await readAll();
      expect(mirror.requests).toHaveLength(1);
      expect(server.requests.length).toBeGreaterThanOrEqual(chunks.length);
    },
  );

  it("come from the mirror while the registry is away", async () => {
    server.faults.add({ fault: { kind: "reset" } });
    await readAll();
    expect(server.requests).toEqual([]);
  });
});
