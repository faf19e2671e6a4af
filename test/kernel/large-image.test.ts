import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { convertImage } from "@sluice/converter";
import { createImageManifest, ociMediaTypes, parseDigest, sha256Of } from "@sluice/oci";
import { Registries } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { output } from "../support/other-process.js";

const fileBytes = 2 * 2 ** 30;
/** What is written at the start of each stretch; the rest of it are zeros, which no store has to hold. Bytes. */
const stretchBytes = 8 * 2 ** 20;
const writtenBytes = 1.25 * 2 ** 20;
const budgetBytes = 200 * 2 ** 20;
const blockBytes = 4096;

/** Compresses well, and no block is like another. */
const stretch = (i: number): Buffer =>
  Buffer.concat(Array.from({ length: writtenBytes / blockBytes }, (_, j) => Buffer.alloc(blockBytes, `${i} ${j}\n`)));

describe("an image of 2 GiB on a node whose store may hold 200 MiB", () => {
  let node: KeptNode;
  let source: string;
  let mountpoint: string;

  beforeAll(async () => {
    node = await KeptNode.create({ SLUICE_STORE_BUDGET: `${budgetBytes}B` });
    source = join(node.folder, "large");
    await using file = await open(source, "w");
    for (let i = 0; i * stretchBytes < fileBytes; i++) await file.writev([stretch(i)], i * stretchBytes);
    await file.truncate(fileBytes);
    const reference = `${node.registry.host}/large:1`;
    await pushLayerOf("large", reference);
    mountpoint = await node.mount({ reference, sums: new Map() }, "mnt");
  }, 120_000);
  afterAll(() => node[Symbol.asyncDispose]());

  /** Its tar is larger than what a test should hold in memory: it goes through other processes. */
  async function pushLayerOf(name: string, reference: string): Promise<void> {
    const script = `tar -C "$1" -c "$2" | tee >(sha256sum > "$1/diffid") | zstd -q -1 -o "$1/layer"; wait`;
    await output("bash", ["-o", "pipefail", "-c", script, "bash", node.folder, name]);
    const layer = await readFile(join(node.folder, "layer"));
    const diffId = parseDigest(`sha256:${(await readFile(join(node.folder, "diffid"), "utf8")).slice(0, 64)}`, "tar");
    const registries = new Registries();
    const repository = registries.open({ reference });
    const push = async (mediaType: string, bytes: Buffer) => {
      const blob = { digest: sha256Of(bytes), size: bytes.byteLength };
      await repository.pushBlob(blob, async function* () {
        yield bytes;
      });
      return { mediaType, ...blob };
    };
    const config = { architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [diffId] } };
    const manifest = createImageManifest({
      config: await push(ociMediaTypes.config, Buffer.from(JSON.stringify(config))),
      layers: [await push(ociMediaTypes.layerZstd, layer)],
    });
    await repository.pushManifest(manifest, { tag: "1" });
    await convertImage({ repository, target: "1", reference }, { root: join(node.folder, "convert") });
    await registries.close();
  }

  it("is read to its end, right, within the budget and little memory", async () => {
    await output("cmp", [source, join(mountpoint, "large")]);
    const use = await node.client.storeUse();
    expect(use.bytes).toBeLessThanOrEqual(budgetBytes);
    expect(use.evictions).toBeGreaterThan(0);
    const { reads, rssBytes } = await node.status();
    expect(reads.errors).toBe(0);
    expect(rssBytes).toBeLessThan(250e6);
  });
});
