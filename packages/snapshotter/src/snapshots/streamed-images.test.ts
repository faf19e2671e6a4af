import { createHash } from "node:crypto";
import { InvalidFormatError } from "@sluice/disk";
import { type Digest, RegistryClient, sha256Of } from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StoredDisk } from "../disks/disk-store.js";
import type { DiskLease } from "../disks/disks.js";
import type { Driver } from "../drivers/index.js";
import { createSilentLog } from "../observe/log.js";
import { invalid, NotStreamableError } from "../resolve/not-streamable.js";
import { resolveImage } from "../resolve/resolve-image.js";
import { createTrustPolicy } from "../resolve/trust.js";
import { pushArtifact, pushSource } from "../testing/sample-image.js";
import type { StreamedLayer } from "./snapshot-record.js";
import { StreamedImages, type StreamedImagesParts } from "./streamed-images.js";
import type { LayerOffer } from "./streamed-layers.js";

const diffIds = ["lower", "middle", "top"].map((name) => sha256Of(name));
const layers = diffIds.map((digest, at) => ({
  mediaType: "layer",
  digest: sha256Of(`blob of ${digest}`),
  size: at + 1,
}));
/** By the formula of the OCI image specification, config.md, "Layer ChainID". */
const chain: string[] = [];
for (const diffId of diffIds) {
  const joined = createHash("sha256")
    .update(`${chain.at(-1)} ${diffId}`)
    .digest("hex");
  chain.push(chain.length === 0 ? diffId : `sha256:${joined}`);
}

/** An image of three layers that has an artifact. */
async function sampleDisk(): Promise<StoredDisk> {
  await using registry = await TestRegistry.start();
  const client = new RegistryClient();
  const repository = client.repository(registry.host, "app");
  await pushArtifact(repository, await pushSource(repository, "1"));
  const image = await resolveImage(repository, "1", createTrustPolicy({ policy: "repository", pins: [] }));
  await client.close();
  const source = Object.assign(Object.create(image.source), { layers });
  return { image: { ...image, source, config: { ...image.config, diffIds } }, addresses: [] };
}

const never = (): never => {
  throw new Error("is not asked here");
};
const erofs = (ok: boolean): Driver => ({
  name: "erofs",
  probe: async () => ({ ok, reason: "no module" }),
  mount: never,
  recover: never,
  close: never,
  [Symbol.asyncDispose]: never,
});

const disk = await sampleDisk();
const { digest: manifest } = disk.image.source;
const artifact = disk.image.artifact.manifest.digest;
const reference = "registry.example/app:1";

const requireTrusted = async (): Promise<void> => undefined;

/** Nobody here reads it. */
const opened = { release: async () => undefined } as unknown as DiskLease;

function streaming(parts: Partial<StreamedImagesParts>): StreamedImages {
  return new StreamedImages({
    images: { find: async () => disk, requireTrusted },
    diskStore: { load: async () => undefined, loadUnlessDamaged: async () => disk },
    store: { has: async () => true },
    prefixes: { prepare: async () => undefined, prove: async () => undefined, find: never, collect: never },
    disks: { open: async () => opened, digests: [] },
    lowers: { acquire: async () => ({ path: "/lower", release: async () => undefined }) },
    unneeded: { leave: async () => undefined },
    driver: erofs(true),
    log: createSilentLog(),
    ...parts,
  });
}

/** What a layer is shown from, when it is claimed. */
async function claimed(images: StreamedImages, offered: LayerOffer): Promise<StreamedLayer | undefined> {
  const kept: StreamedLayer[] = [];
  const isClaimed = await images.claim(offered, async (layer) => {
    kept.push(layer);
  });
  expect(kept).toHaveLength(isClaimed ? 1 : 0);
  return kept[0];
}

/** What containerd says of layer `at`. */
const offer = (at: number, changed: Readonly<Record<string, string>> = {}) => ({
  target: chain[at] ?? "",
  parentChain: at === 0 ? "" : chain[at - 1],
  labels: {
    "containerd.io/snapshot/cri.image-ref": reference,
    "containerd.io/snapshot/cri.manifest-digest": manifest,
    "containerd.io/snapshot/cri.layer-digest": layers[at]?.digest ?? "",
    ...changed,
  },
});

describe("the images that containerd pulls", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => vi.useRealTimers());

  it("are looked up once, by the manifest's digest, for all their layers; each is claimed with those below it", async () => {
    const find = vi.fn(async () => disk);
    const images = streaming({ images: { find, requireTrusted } });
    const claims = await Promise.all([0, 1, 2].map((at) => claimed(images, offer(at))));
    expect(claims).toEqual([1, 2, 3].map((count) => ({ artifact, layers: count, imageLayers: 3 })));
    expect(find.mock.calls).toEqual([
      [{ reference: `registry.example/app@${manifest}` }, { signal: expect.any(AbortSignal) }],
    ]);
    expect(images.counts).toEqual({ streamed: 1 });
    expect(images.outcome(reference)).toEqual({ streamed: true, reason: undefined });
  });

  it("are looked up again a minute later: an artifact may have been made meanwhile", async () => {
    const find = vi
      .fn<() => Promise<StoredDisk>>()
      .mockRejectedValueOnce(new NotStreamableError("NO_ARTIFACT", "none"));
    const images = streaming({ images: { find: find.mockResolvedValue(disk), requireTrusted } });
    expect(await claimed(images, offer(0))).toBeUndefined();
    expect(images.outcome(reference)).toMatchObject({ streamed: false, reason: { code: "NO_ARTIFACT" } });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await claimed(images, offer(0))).toBeDefined();
    expect(images.counts).toEqual({ NO_ARTIFACT: 1, streamed: 1 });
  });

  it("are looked up again when the node was rid of images in between: what was found may have gone with them", async () => {
    const find = vi.fn(async () => disk);
    const nothing = async () => undefined;
    const prefixes = { prepare: nothing, prove: nothing, find: never, collect: nothing };
    const images = streaming({ images: { find, requireTrusted }, prefixes });
    await claimed(images, offer(0));
    await images.collect(() => [], []);
    await claimed(images, offer(0));
    expect(find).toHaveBeenCalledTimes(2);
  });

  it("are looked up again when they may have gone from the node before they were claimed, and stay while they are noted", async () => {
    const find = vi.fn(async () => disk);
    let isFirst = true;
    const prepare = async (): Promise<void> => {
      if (isFirst) expect(images.isClaiming(artifact)).toBe(false);
      isFirst = false;
    };
    const images = streaming({
      images: { find, requireTrusted },
      prefixes: { prepare, prove: async () => undefined, find: never, collect: never },
    });
    const isClaimed = await images.claim(offer(0), async (layer) => {
      expect(images.isClaiming(layer.artifact)).toBe(true);
    });
    expect(isClaimed).toBe(true);
    expect(find).toHaveBeenCalledTimes(2);
    expect(images.isClaiming(artifact)).toBe(false);
  });

  it("are not claimed when a layer stands on something else than in the image, or is of another image; the pull is not called streamed then", async () => {
    const other = sha256Of("other");
    const elsewhere = [
      { ...offer(1), parentChain: chain[1] },
      { ...offer(1), parentChain: "" },
      { ...offer(1), target: other },
      offer(1, { "containerd.io/snapshot/cri.layer-digest": other }),
      offer(1, { "containerd.io/snapshot/cri.manifest-digest": other }),
    ];
    for (const each of elsewhere) {
      const images = streaming({});
      expect(await claimed(images, each)).toBeUndefined();
      expect(images.outcome(reference)).toMatchObject({ streamed: false, reason: { code: "LAYERS_DIFFER" } });
    }
  });

  it("are claimed on a parent of which nothing is known, and asked for nothing when containerd does not say whose layer it is", async () => {
    const find = vi.fn(async () => disk);
    const images = streaming({ images: { find, requireTrusted } });
    expect(await claimed(images, { ...offer(0), labels: {} })).toBeUndefined();
    expect(find).not.toHaveBeenCalled();
    expect(await claimed(images, { ...offer(1), parentChain: undefined })).toMatchObject({ layers: 2 });
  });

  it("are pulled as usual when the registry does not answer for five seconds, and when anything fails", async () => {
    const stalled = streaming({
      images: {
        requireTrusted,
        find: (_, options) =>
          new Promise((_resolve, reject) => {
            options?.signal?.addEventListener("abort", () => reject(options.signal?.reason));
          }),
      },
    });
    const claim = claimed(stalled, offer(0));
    await vi.advanceTimersByTimeAsync(5000);
    expect(await claim).toBeUndefined();
    expect(stalled.counts).toEqual({ REGISTRY_UNREACHABLE: 1 });
    const failing = streaming({ images: { find: async () => Promise.reject(new Error("disk full")), requireTrusted } });
    expect(await claimed(failing, offer(0))).toBeUndefined();
    expect(failing.outcome(reference)?.reason).toMatchObject({ code: "REGISTRY_ERROR", message: "Error: disk full" });
    const without = streaming({ driver: erofs(false), images: { find: never, requireTrusted } });
    expect(await claimed(without, offer(0))).toBeUndefined();
    expect(without.outcome(reference)?.reason).toMatchObject({ code: "DRIVER_UNAVAILABLE", message: "no module" });
  });

  it("are mounted before they are claimed, once, and for half a minute", async () => {
    const release = vi.fn(async () => undefined);
    const acquire = vi.fn(async () => ({ path: "/lower", release }));
    const images = streaming({ lowers: { acquire } });
    await Promise.all([0, 1, 2].map((at) => claimed(images, offer(at))));
    expect(acquire).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(release).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2000);
    expect(release).toHaveBeenCalledTimes(1);
  });

  it("are pulled as usual when their disk cannot be mounted, or not in time; what is mounted too late is let go", async () => {
    const failing = streaming({ lowers: { acquire: async () => Promise.reject(new Error("EIO")) } });
    expect(await claimed(failing, offer(0))).toBeUndefined();
    expect(failing.outcome(reference)?.reason).toMatchObject({
      code: "NOT_MOUNTABLE",
      message: expect.stringContaining("EIO"),
    });
    const release = vi.fn(async () => undefined);
    const acquire = async () => {
      await new Promise((resolve) => setTimeout(resolve, 7000));
      return { path: "/lower", release };
    };
    const slow = streaming({ lowers: { acquire } });
    const claim = claimed(slow, offer(0));
    await vi.advanceTimersByTimeAsync(5000);
    expect(await claim).toBeUndefined();
    expect(slow.counts).toEqual({ NOT_MOUNTABLE: 1 });
    await vi.advanceTimersByTimeAsync(2000);
    expect(release).toHaveBeenCalledTimes(1);
  });

  it("are pulled as usual when the indexes of their layers are wrong, or do not come in time", async () => {
    const prefixes = (prepare: () => Promise<void>) => ({
      prefixes: { prepare, prove: async () => undefined, find: never, collect: never },
    });
    const wrong = new InvalidFormatError("footer", "magic", "ours", "another");
    const damaged = streaming(prefixes(() => Promise.reject(wrong)));
    expect(await claimed(damaged, offer(0))).toBeUndefined();
    expect(damaged.counts).toEqual({ ARTIFACT_INVALID: 1 });
    const stalled = streaming(prefixes(() => new Promise(() => undefined)));
    const claim = claimed(stalled, offer(0));
    await vi.advanceTimersByTimeAsync(5000);
    expect(await claim).toBeUndefined();
    expect(stalled.counts).toEqual({ REGISTRY_UNREACHABLE: 1 });
  });

  it("are mounted while the indexes of their layers come", async () => {
    let come: () => void = () => undefined;
    const prepare = () =>
      new Promise<void>((resolve) => {
        come = resolve;
      });
    const acquire = vi.fn(async () => {
      come();
      return { path: "/lower", release: async () => undefined };
    });
    const images = streaming({
      prefixes: { prepare, prove: async () => undefined, find: never, collect: never },
      lowers: { acquire },
    });
    expect(await claimed(images, offer(0))).toBeDefined();
  });

  it("are pulled as usual when their lower layers cannot be merged: images that share these could not be shown", async () => {
    const prove = () => Promise.reject(invalid("the lower layers cannot be merged"));
    const release = vi.fn(async () => undefined);
    const images = streaming({
      prefixes: { prepare: async () => undefined, prove, find: never, collect: never },
      lowers: { acquire: async () => ({ path: "/lower", release }) },
    });
    expect(await claimed(images, offer(0))).toBeUndefined();
    expect(images.outcome(reference)?.reason).toMatchObject({ code: "ARTIFACT_INVALID" });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(release).toHaveBeenCalledTimes(1);
  });

  it("do not wait for each other", async () => {
    const images = streaming({
      images: {
        requireTrusted,
        find: async (address) => (address.reference.includes("slow") ? new Promise(() => undefined) : disk),
      },
    });
    void claimed(images, offer(0, { "containerd.io/snapshot/cri.image-ref": "registry.example/slow:1" }));
    expect(await claimed(images, offer(0))).toBeDefined();
  });

  it("say what is stored of them with the topmost layer, each chunk once, and count again a minute later", async () => {
    let isStored = true;
    const has = vi.fn(async (_chunk: Digest) => isStored);
    const images = streaming({ store: { has } });
    const whole = { artifact, layers: 3, imageLayers: 3 };
    expect(await images.usage({ ...whole, layers: 2 })).toEqual({ sizeBytes: 0, inodes: 0 });
    const { sizeBytes } = await images.usage(whole);
    expect(sizeBytes).toBeGreaterThan(0);
    isStored = false;
    expect(await images.usage(whole)).toEqual({ sizeBytes, inodes: 0 });
    expect(has).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await images.usage(whole)).sizeBytes).toBe(0);
  });

  it("are asked for again when their artifact is gone from the node", async () => {
    const lost = streaming({}).acquire({ artifact, layers: 3, imageLayers: 3 });
    await expect(lost).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("pull the image"),
    });
  });

  it("are mounted only while this node trusts them: it may have been told to trust less since they were claimed", async () => {
    const layer = { artifact, layers: 3, imageLayers: 3 };
    const acquire = vi.fn(async () => ({ path: "/lower", release: async () => undefined }));
    const parts = { diskStore: { load: async () => disk, loadUnlessDamaged: async () => disk }, lowers: { acquire } };
    const distrust = () => Promise.reject(new NotStreamableError("NOT_TRUSTED", "policy pinned: not among them"));
    const strict = streaming({ ...parts, images: { find: never, requireTrusted: distrust } });
    await expect(strict.acquire(layer)).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining("policy pinned: not among them"),
    });
    expect(acquire).not.toHaveBeenCalled();
    expect(await streaming(parts).acquire(layer)).toMatchObject({ path: "/lower" });
  });

  it("are remembered by their names, the last thousand", async () => {
    const images = streaming({});
    const names = Array.from({ length: 1001 }, (_, at) => `registry.example/app${at}:1`);
    for (const name of names) await claimed(images, offer(0, { "containerd.io/snapshot/cri.image-ref": name }));
    expect(images.outcome(names[0] ?? "")).toBeUndefined();
    expect(images.outcome(names[1000] ?? "")).toBeDefined();
  });
});
