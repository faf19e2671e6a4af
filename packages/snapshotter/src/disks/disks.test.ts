import { startupTable } from "@sluice/disk/testing";
import { type Repository, sha256Of } from "@sluice/oci";
import type { ChunkBinding } from "@sluice/store";
import { describe, expect, it } from "vitest";
import type { BackgroundFill } from "./background-fill.js";
import { BlobPlaces } from "./blob-places.js";
import type { DiskMap } from "./disk-map.js";
import type { StoredDisk } from "./disk-store.js";
import { Disks } from "./disks.js";

const artifact = sha256Of("artifact");
const empty = {
  count: 0,
  startBlock: new Uint32Array(0),
  blocks: new Uint32Array(0),
  blob: new Uint16Array(0),
  offset: new Float64Array(0),
  compressedSize: new Uint32Array(0),
  sha256: new Uint8Array(0),
};
// The parts of an image that opening its disk looks at.
const stored = {
  image: {
    artifact: { manifest: { digest: artifact } },
    toc: { diskBlocks: 1, blobs: [], regions: [], chunks: empty, startup: startupTable([]) },
  },
  addresses: [{ reference: "r.example/a:1" }],
} as unknown as StoredDisk;

function setUp(bind?: () => Promise<ChunkBinding>, openRepository: () => Repository = () => ({}) as never) {
  const log: string[] = [];
  const filled: DiskMap[] = [];
  const binding = async (): Promise<ChunkBinding> => {
    log.push("bind");
    const close = async (): Promise<void> => {
      log.push("unbind");
    };
    return { slots: new Int32Array(0), close, [Symbol.asyncDispose]: close };
  };
  const disks = new Disks({
    store: { bind: bind ?? binding, isStored: () => false, mark: () => undefined },
    chunks: {
      fetch: () => {
        throw new Error("no chunks here");
      },
      stream: async () => undefined,
    },
    places: new BlobPlaces(),
    openRepository,
    watchStart: () => {
      log.push("watch");
      return undefined;
    },
    background: {
      fill: async (map: DiskMap) => {
        filled.push(map);
        return "complete";
      },
    } as unknown as BackgroundFill, // the only method that is used
  });
  return { disks, log, filled };
}

describe("open disks", () => {
  it("are opened once for many users and closed with the last", async () => {
    const { disks, log } = setUp();
    const leases = await Promise.all([disks.open(stored), disks.open(stored), disks.open(stored)]);
    expect(new Set(leases.map((lease) => lease.disk)).size).toBe(1);
    expect(disks.digests).toEqual([artifact]);
    await leases[0]?.release();
    await leases[0]?.release();
    await leases[1]?.release();
    expect(log).toEqual(["bind", "watch"]);
    await leases[2]?.release();
    expect(log).toEqual(["bind", "watch", "unbind"]);
    expect(disks.count).toBe(0);
  });

  it("are opened anew after the last user left", async () => {
    const { disks, log } = setUp();
    await (await disks.open(stored)).release();
    await (await disks.open(stored)).release();
    expect(log).toEqual(["bind", "watch", "unbind", "bind", "watch", "unbind"]);
  });

  it("fetch ahead once, as soon as somebody opens them who does not ask for quiet", async () => {
    const { disks, filled } = setUp();
    await disks.open(stored, { quiet: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(filled).toHaveLength(0);
    await Promise.all([disks.open(stored), disks.open(stored), disks.open(stored, { quiet: true })]);
    await expect.poll(() => filled.length).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(filled).toHaveLength(1);
  });

  it("give their chunks back when opening fails behind that", async () => {
    const { disks, log } = setUp(undefined, () => {
      throw new Error("no such repository");
    });
    await expect(disks.open(stored)).rejects.toThrow("no such repository");
    expect(log).toEqual(["bind", "unbind"]);
  });

  it("are not left half open when the store has no room; the next try starts afresh", async () => {
    let fail = true;
    const { disks, log } = setUp(async () => {
      if (fail) throw new Error("no slots");
      log.push("bind");
      return { slots: new Int32Array(0), close: async () => undefined, [Symbol.asyncDispose]: async () => undefined };
    });
    const tries = await Promise.allSettled([disks.open(stored), disks.open(stored)]);
    expect(tries.map((each) => each.status)).toEqual(["rejected", "rejected"]);
    expect(disks.count).toBe(0);
    fail = false;
    await disks.open(stored);
    expect(log).toEqual(["bind", "watch"]);
  });

  it("are watched for a start by whoever opens them first, unless an earlier process had them open or it is to be quiet", async () => {
    const { disks, log } = setUp();
    await (await disks.open(stored, { resumed: true })).release();
    await (await disks.open(stored, { quiet: true })).release();
    expect(log).not.toContain("watch");
    await (await disks.open(stored)).release();
    expect(log.filter((entry) => entry === "watch")).toHaveLength(1);
  });
});
