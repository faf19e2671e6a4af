import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AbortOptions,
  createImageManifest,
  type Descriptor,
  ImageLayout,
  ociMediaTypes,
  sha256Of,
} from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LayerScan, ScanJob } from "../layer/layer-scanner.js";
import { OpenResources } from "../open-resources.js";
import { ProgressMeter } from "../progress.js";
import { type SourceImage, selectImage } from "../source/select-image.js";
import { LayerInvalidError } from "../tar/errors.js";
import { InlineCompressor } from "../testing/inline-compressor.js";
import { InlineScanner } from "../testing/inline-scanner.js";
import { endOfTar, rawFile } from "../testing/raw-tar.js";
import { acquireLayers } from "./acquire-layers.js";
import { LayerCache } from "./layer-cache.js";

let directory: string;
let open: OpenResources;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-acquire-"));
  open = new OpenResources();
});
afterEach(async () => {
  await open[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** Notes how many scans are open at once. */
class WatchedScanner extends InlineScanner {
  readonly #maxScans: number;
  mostOpen = 0;
  #open = 0;

  constructor(maxScans: number) {
    super();
    this.#maxScans = maxScans;
  }

  override get maxScans(): number {
    return this.#maxScans;
  }

  override async scan(job: ScanJob, content: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<LayerScan> {
    this.mostOpen = Math.max(this.mostOpen, ++this.#open);
    try {
      return await super.scan(job, content, options);
    } finally {
      this.#open--;
    }
  }
}

const layer = (sizeBytes: number): Buffer =>
  Buffer.concat([rawFile({ name: `f${sizeBytes}` }, randomBytes(sizeBytes)), endOfTar]);

async function imageOf(layout: ImageLayout, layers: readonly Buffer[]): Promise<SourceImage> {
  const rootfs = { type: "layers", diff_ids: layers.map((tar) => sha256Of(tar)) };
  const config = { os: "linux", architecture: "amd64", config: { Cmd: ["/f"] }, rootfs };
  const descriptors: Descriptor[] = [];
  for (const tar of layers) descriptors.push(await pushed(layout, ociMediaTypes.layer, tar));
  const manifest = createImageManifest({
    config: await pushed(layout, ociMediaTypes.config, Buffer.from(JSON.stringify(config))),
    layers: descriptors,
  });
  await layout.pushManifest(manifest, { tag: "v1" });
  return selectImage(layout, "v1", "test");
}

async function pushed(layout: ImageLayout, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const descriptor = { mediaType, digest: sha256Of(bytes), size: bytes.length };
  await layout.pushBlob(descriptor, async function* () {
    yield bytes;
  });
  return descriptor;
}

const acquired = async (
  image: SourceImage,
  layout: ImageLayout,
  scanner: InlineScanner,
): ReturnType<typeof acquireLayers> =>
  acquireLayers(image, {
    from: layout,
    cache: await LayerCache.open(join(directory, "cache")),
    scanner,
    compressor: new InlineCompressor(),
    temporaryDirectory: join(directory, "tmp"),
    force: true,
    progress: new ProgressMeter(),
    open,
  });

describe("acquireLayers", () => {
  const tars = [layer(20_000), layer(300_000), layer(1000)];
  const digests = tars.map((tar) => sha256Of(tar));

  it("scans small layers first when one is scanned at a time, the largest first when several are, to the same end", async () => {
    const layout = new ImageLayout(join(directory, "image"));
    const image = await imageOf(layout, tars);
    const [alone, aside] = [new WatchedScanner(1), new WatchedScanner(2)];
    const opened = vi.spyOn(layout, "readBlob"); // a layer's scan begins by opening its blob
    const one = await acquired(image, layout, alone);
    const two = await acquired(image, layout, aside);
    const order = [2, 0, 1, 1, 0, 2].map((i) => digests[i]);
    expect(opened.mock.calls.map(([{ digest }]) => digest)).toEqual(order);
    expect([alone.mostOpen, aside.mostOpen]).toEqual([1, 2]);
    expect(one.map(({ layer }) => layer.source)).toEqual(digests);
    expect(two.map(({ layer }) => layer)).toEqual(one.map(({ layer }) => layer));
  });

  it.each([1, 2])("fails with the bad layer's error, %d scans at a time, and leaves nothing behind", async (scans) => {
    const layout = new ImageLayout(join(directory, "image"));
    const bad = Buffer.concat([layer(5000), Buffer.alloc(512), Buffer.from("x".repeat(512))]).fill("y", 0, 512);
    const image = await imageOf(layout, [...tars, bad]);
    const failed = acquired(image, layout, new WatchedScanner(scans));
    await expect(failed).rejects.toThrow(LayerInvalidError);
    await expect(failed).rejects.toThrow(sha256Of(bad));
    expect(await readdir(join(directory, "tmp"))).toEqual([]);
    expect(await readdir(join(directory, "cache", "new"))).toEqual([]);
  });
});
