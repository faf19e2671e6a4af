import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compressFrame } from "@sluice/disk";
import { TestRegistry } from "@sluice/oci/testing";
import { ChunkFetcher, openChunkStore } from "@sluice/store";
import { claimsOf, seededChunk } from "@sluice/store/testing";
import { expect, it, onTestFinished } from "vitest";
import { BlobPlaces } from "./blob-places.js";
import { Registries } from "./registries.js";

it("reads a chunk for as long as a reader waits while the registry refuses each new token, and gives up on who never was let in", async () => {
  const folder = await mkdtemp(join(tmpdir(), "refused-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const registry = await TestRegistry.start({ access: { kind: "token" } });
  onTestFinished(() => registry.close());
  const registries = new Registries();
  onTestFinished(() => registries.close());
  const chunks = [0, 1, 2].map((i) => seededChunk(i, 10_000));
  const frames = chunks.map(({ bytes }) => compressFrame(bytes));
  const stored = ["app", "secret"].map((name) => registry.store.repository(name));
  const [blob, secret] = [frames.slice(0, 2), frames.slice(2)].map((some, i) =>
    stored[i]?.putBlob(Buffer.concat(some)),
  );
  if (!blob || !secret) throw new Error("two blobs were put");
  const source = new BlobPlaces();
  source.add([blob], registries.open({ reference: `${registry.host}/app:1` }));
  source.add([secret], registries.open({ reference: `${registry.host}/secret:1` }));
  const store = await openChunkStore({ folder, budgetBytes: 32 * 1024 * 1024, maxSlots: 100 });
  onTestFinished(() => store.close());
  const { ids, lengths } = claimsOf(chunks);
  await store.bind(ids, lengths);
  const fetcher = new ChunkFetcher({ source, store, config: { retryDelayMs: 1, maxRetryDelayMs: 2, maxAttempts: 2 } });
  onTestFinished(() => fetcher.close());
  const read = async (i: number): Promise<number | undefined> => {
    const chunk = chunks[i];
    const frame = frames[i];
    if (!chunk || !frame) throw new RangeError(`no chunk ${i}`);
    const start = i === 1 ? (frames[0]?.byteLength ?? 0) : 0;
    const place = { id: chunk.id, sizeBytes: 10_000, blob: i === 2 ? secret : blob };
    let difference: number | undefined;
    await fetcher.fetch({ ...place, frame: { start, end: start + frame.byteLength } }, "demand", (bytes) => {
      difference = Buffer.compare(bytes, chunk.bytes);
    });
    return difference;
  };

  expect(await read(0)).toBe(0);
  const isBlob = ({ path }: { path: string }): boolean => path.includes("/blobs/");
  registry.faults.add({ fault: { kind: "expire" }, times: 20, when: isBlob });
  expect(await read(1)).toBe(0);
  registry.faults.add({ fault: { kind: "expire" }, when: isBlob });
  await expect(read(2)).rejects.toMatchObject({
    code: "CHUNK_FETCH_FAILED",
    attempts: 2,
    cause: { code: "UNAUTHORIZED" },
  });
});
