import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { KeptNode, type MountedImage } from "../support/kept-node.js";
import { output, sha256Of } from "../support/other-process.js";
import { eventually } from "../support/served-disk.js";

async function expectWhole(mounted: readonly MountedImage[]): Promise<void> {
  for (const { image, mountpoint } of mounted) {
    for (const [name, sum] of image.sums) expect(await sha256Of(join(mountpoint, name))).toBe(sum);
  }
}

describe("a node whose registry is away", () => {
  let node: KeptNode;
  afterEach(() => node[Symbol.asyncDispose]());

  it("serves many images after its daemon was killed, in little memory", async () => {
    node = await KeptNode.create();
    const mounted = await node.mountMany(30);
    await expectWhole(mounted);
    node.registry.faults.add({ fault: { kind: "reset" } });
    const before = await node.mountIds();
    await node.killDaemon();
    await output("sh", ["-c", "echo 3 > /proc/sys/vm/drop_caches"]);
    await expectWhole(mounted);
    expect(await node.mountIds()).toEqual(before);
    const { mounts, fetch, rssBytes } = await node.status();
    expect({ mounts, requests: fetch.requests }).toEqual({ mounts: 30, requests: 0 });
    expect(rssBytes).toBeLessThan(200e6);
  });

  it("serves all of an image that the background has filled, though nobody had read it, and the machine was started anew", async () => {
    node = await KeptNode.create({ SLUICE_BACKGROUND_ENABLED: "true", SLUICE_BACKGROUND_RATE: "20MiB" });
    const mounted = await node.mountMany(3);
    const isFilled = async (): Promise<boolean> =>
      (await node.log()).split("\n").filter((line) => line.includes("it needs no registry")).length === mounted.length;
    await eventually("everything is here", isFilled, 60_000);
    node.registry.faults.add({ fault: { kind: "reset" } });
    await node.killBoth();
    for (const target of Object.keys(await node.mountIds()).reverse()) await output("umount", ["-l", target]);
    await rm(node.paths.run, { recursive: true });
    await node.must("daemon", "start");
    await eventually("they are back", async () => (await node.client.mounts()).length === mounted.length, 60_000);
    await expectWhole(mounted);
  });
});
