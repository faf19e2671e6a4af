import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blobKind, type Toc } from "@sluice/disk";
import { offeredRecordings } from "@sluice/disk/artifact";
import { startupTable } from "@sluice/disk/testing";
import { createImageManifest, emptyDescriptor, RegistryClient, type Repository, sha256Of } from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskMap } from "../disks/disk-map.js";
import type { StoredDisk } from "../disks/disk-store.js";
import type { OpenDisk } from "../disks/open-disk.js";
import { createSilentLog } from "../observe/log.js";
import { StartOffers, type StartWatch } from "./start-offers.js";

const source = createImageManifest({ config: emptyDescriptor, layers: [] });
const storedWith = (recordings: number): StoredDisk =>
  ({
    image: {
      source,
      artifact: { digest: sha256Of("artifact"), recordings, metadata: { digest: sha256Of("metadata") }, layers: [] },
    },
    addresses: [{ reference: "r.example/app:1" }],
  }) as unknown as StoredDisk; // the parts of an image that an offer looks at

/** Four chunks of two blocks in slots 10 to 13. */
function mapOf(): DiskMap {
  const rows = [0, 1, 2, 3];
  const toc: Toc = {
    diskBlocks: 8,
    source: source.digest,
    blobs: [{ kind: blobKind.metadata, digest: sha256Of("metadata"), sizeBytes: 100 }],
    regions: [],
    chunks: {
      count: 4,
      startBlock: Uint32Array.from(rows, (row) => 2 * row),
      blocks: new Uint32Array(4).fill(2),
      blob: new Uint16Array(4),
      offset: Float64Array.from(rows, (row) => 10 * row),
      compressedSize: new Uint32Array(4).fill(10),
      sha256: new Uint8Array(4 * 32),
    },
    startup: startupTable([]),
  };
  return new DiskMap(toc, { slots: Int32Array.of(10, 11, 12, 13) }, { isStored: () => true });
}

const disk = {
  onArrived: () => {
    throw new Error("nobody may be told");
  },
  read: async (_offset: number, length: number) => new Uint8Array(length),
} as unknown as OpenDisk; // all that a watch touches

describe("a node that offers its starts", () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  let repository: Repository;
  let folder: string;
  let marked: number[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-offers-"));
    registry = await TestRegistry.start();
    client = new RegistryClient({ retry: { maxAttempts: 1 } });
    repository = client.repository(registry.host, "app");
    marked = [];
  });
  afterEach(async () => {
    await client.close();
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  const offers = (): StartOffers =>
    new StartOffers({
      store: { mark: (slot) => marked.push(slot) },
      openRepository: () => repository,
      markOf: (artifact) => join(folder, "offered", artifact.slice(7)),
      log: createSilentLog(),
      watchMs: 30,
    });
  const offered = () => offeredRecordings(repository, source.digest);
  const use = async (watch: StartWatch | undefined): Promise<void> => {
    const watched = watch?.around(disk);
    expect(watched?.onArrived(() => undefined)).toBeInstanceOf(Function);
    await watched?.read(4096, 100);
    watch?.onMark(12);
    watch?.onMark(99); // another disk's
  };

  it("offers the pages that missed and the chunks that hit, in the order they were touched", async () => {
    await use(offers().watch(storedWith(0), mapOf()));
    expect(marked).toEqual([10, 11, 12, 13]);
    await expect.poll(offered, { timeout: 5000 }).toHaveLength(1);
    const [recording] = await offered();
    expect(recording?.disk).toEqual({ metadata: sha256Of("metadata"), layers: [] });
    const pages = recording?.runs.map(({ startBlock, blocks }) => [startBlock, blocks]);
    expect(pages).toEqual([
      [1, 1],
      [4, 2],
    ]);
  });

  it("does so once, also after a restart", async () => {
    const first = offers();
    await use(first.watch(storedWith(0), mapOf()));
    expect(first.watch(storedWith(0), mapOf())).toBeUndefined();
    await expect.poll(offered, { timeout: 5000 }).toHaveLength(1);
    await expect.poll(() => offers().watch(storedWith(0), mapOf())).toBeUndefined();
  });

  it("leaves an artifact alone that was learned from starts, and a start of which nothing was read", async () => {
    expect(offers().watch(storedWith(3), mapOf())).toBeUndefined();
    offers().watch(storedWith(0), mapOf())?.close();
    expect(await offered()).toEqual([]);
  });

  it("goes on waiting for the first start after a look that was none", async () => {
    const node = offers();
    const look = node.watch(storedWith(0), mapOf());
    await look?.around(disk).read(4096, 100);
    look?.close();
    node.watch(storedWith(0), mapOf()); // nobody reads
    await expect.poll(() => node.watch(storedWith(0), mapOf()), { timeout: 5000 }).toBeDefined();
    expect(await offered()).toEqual([]);
    const start = await new Promise<StartWatch | undefined>((resolve) => {
      setTimeout(() => resolve(node.watch(storedWith(0), mapOf())), 60);
    });
    await use(start);
    await expect.poll(offered, { timeout: 5000 }).toHaveLength(1);
  });

  it("disturbs nobody when the registry takes no offers", async () => {
    registry.faults.add({ fault: { kind: "status", status: 403 }, when: ({ method }) => method !== "GET" });
    const watch = offers().watch(storedWith(0), mapOf());
    await use(watch);
    await expect.poll(() => registry.faults.served, { timeout: 5000 }).toBeGreaterThan(0);
    expect(await watch?.around(disk).read(0, 10)).toHaveLength(10);
    watch?.close();
  });
});
