import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertImage } from "@sluice/converter";
import type { ImageManifest } from "@sluice/oci";
import { missingPrograms, TestRegistry, toolsFolder } from "@sluice/oci/testing";
import { mountTable, Registries } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { Pods } from "../support/pods/pods.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { eventually } from "../support/served-disk.js";
import { programEntries, pushSmallImage, type SmallEntry, type SmallImage } from "../support/small-image.js";

const missing = missingPrograms({ containerd: "containerd", runc: "runc" });
const wanted = ["/usr/bin/containerd", join(toolsFolder, "containerd2/bin/containerd")];
const programs = wanted.filter((program) => existsSync(program));
for (const program of wanted.filter((one) => !existsSync(one))) {
  it.skip(`${program}: not there; the CI script installs it, with Go for containerd 2`, () => undefined);
}

/** Containerd 2 asks a snapshotter where its files are. */
const isSecond = (program: string): boolean => program.includes("containerd2");
/** Pods that start at the same moment, each of an image of its own. */
const manyPods = Number(process.env["SLUICE_PODS"] ?? 6);
const waitMs = 60_000;
const socket = join(tmpdir(), `sluice-pods-${process.pid}`, "s.sock");
const mtime = new Date(0);
const sum = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const sleeping = ["/bin/sh", "-c", "echo started; exec /bin/sleep 1000"];
const names = ["streamed", "plain"] as const;
type Name = (typeof names)[number] | "other";

describe.skipIf(missing !== "").each(programs)(`pods through %s ${missing}`, (program) => {
  /** Of images on the same lower layer; the third is streamed, too. */
  const tops = { streamed: randomBytes(3_000_000), plain: randomBytes(2_000_000), other: randomBytes(1_000_000) };
  let node: KeptNode;
  let containerd: RunningContainerd;
  let pods: Pods;
  let base: readonly SmallEntry[];
  const manifests = new Map<string, ImageManifest>();
  const reference = (name: string): string => `${node.registry.host}/${name}:1`;

  async function push(name: string, image: SmallImage, isConverted: boolean): Promise<void> {
    const registries = new Registries();
    const repository = registries.open({ reference: reference(name) });
    manifests.set(name, await pushSmallImage(repository, "1", image));
    const target = { repository, target: "1", reference: reference(name) };
    if (isConverted) await convertImage(target, { root: join(node.folder, "c"), threads: 1 });
    await registries.close();
  }

  const layersWith = (content: Buffer): readonly (readonly SmallEntry[])[] => [
    base,
    [
      { name: "top", mtime, content },
      { name: "gone", mtime, content: "soon" },
    ],
  ];

  beforeAll(async () => {
    node = await KeptNode.create({ SLUICE_SNAPSHOTTER_ADDRESS: socket });
    const shell = ["/bin/sh", "/bin/cat", "/usr/bin/sha256sum", "/bin/sleep", "/bin/dd", "/bin/rm"];
    base = (await programEntries(...shell)).map((entry) => ({ ...entry, mtime }));
    const pause = { layers: [[...base, { name: "pause", mtime, content: "" }]], config: { Entrypoint: sleeping } };
    await push("sandbox", pause, false);
    for (const name of [...names, "other"] as const) {
      await push(name, { layers: layersWith(tops[name]) }, name !== "plain");
    }
    await node.must("daemon", "start");
    const place = { address: socket, dataRoot: node.root };
    containerd = await RunningContainerd.start(program, place, { sandboxImage: reference("sandbox") });
    const logs = join(node.folder, "logs");
    await mkdir(logs);
    pods = new Pods(containerd.socket, logs);
  });
  afterAll(async () => {
    pods?.[Symbol.dispose]();
    await containerd?.[Symbol.asyncDispose]();
    await node?.[Symbol.asyncDispose]();
  });

  const pulled = async (name: Name): Promise<unknown> => {
    const text = await node.must("why", reference(name), "-o", "json");
    return (JSON.parse(text) as { pulled: unknown }).pulled;
  };
  const erofsMounts = async (): Promise<number> =>
    (await mountTable()).filter(({ type, target }) => type === "erofs" && target.startsWith(node.folder)).length;

  it("run side by side for images that share layers, one streamed and one not: they start, log, execute and end", async () => {
    const running = await Promise.all(
      names.map(async (name) => ({ name, pod: await pods.run(reference(name), ...sleeping) })),
    );
    for (const { name, pod } of running) {
      expect(await pods.exec(pod, "/usr/bin/sha256sum", "/top")).toContain(sum(tops[name]));
      await eventually("its line is in the log", async () => / stdout F started\n/.test(await pod.log()), waitMs);
      await expect(pods.exec(pod, "/bin/cat", "/nothing")).rejects.toThrow(/exit code 1.*No such file/);
    }
    expect(await pulled("streamed")).toEqual({ streamed: true });
    expect(await pulled("plain")).toMatchObject({ streamed: false, reason: { code: "NO_ARTIFACT" } });
    for (const { pod } of running) await pods.remove(pod);
  });

  it.each(names)(
    "of the %s image are counted by what they write, and the file system by what images take",
    async (name) => {
      const pod = await pods.start(reference(name), ...sleeping);
      await pods.exec(
        pod,
        "/bin/sh",
        "-c",
        "/bin/dd if=/dev/zero of=/written bs=1000000 count=5; echo new > /top; /bin/rm /gone",
      );
      const counted = async (): Promise<boolean> => {
        const { bytes, inodes } = (await pods.writableLayer(pod)) ?? { bytes: 0, inodes: 0 };
        return bytes >= 5_000_000 && bytes < 12_000_000 && inodes >= 4; // the folder itself, two files, one that hides
      };
      await eventually("the container's files are counted", counted, waitMs);
      // What the images have is less than 6 MB.
      const grown = async (): Promise<boolean> => ((await pods.imageFilesystem())?.bytes ?? 0) >= 7_000_000;
      await eventually("they count for the node", grown, waitMs);
      if (isSecond(program)) expect((await pods.imageFilesystem())?.folder).toBe(node.root);
      await pods.remove(pod);
    },
  );

  it.each(names)(
    "of the %s image can be committed: what was written and removed is in the image that others run",
    async (name) => {
      const pod = await pods.start(reference(name), ...sleeping);
      await pods.exec(pod, "/bin/sh", "-c", "echo new > /top; /bin/rm /gone; echo more > /more");
      const changes = await containerd.diff(pod.container);
      await pods.remove(pod);
      await push(`${name}-committed`, { layers: layersWith(tops[name]), tars: [changes] }, false);
      const again = await pods.run(reference(`${name}-committed`), ...sleeping);
      const text = await pods.exec(again, "/bin/sh", "-c", "/bin/cat /top /more; [ -e /gone ] || echo gone is gone");
      expect(text).toBe("new\nmore\ngone is gone\n");
      await pods.remove(again);
      await pods.removeImage(reference(`${name}-committed`));
    },
  );

  it("run images that are named by digest, and by tag and digest", async () => {
    await pods.removeImage(reference("streamed"));
    const digest = manifests.get("streamed")?.digest;
    for (const named of [`${node.registry.host}/streamed@${digest}`, `${reference("streamed")}@${digest}`]) {
      const pod = await pods.run(named, ...sleeping);
      expect(await pods.exec(pod, "/usr/bin/sha256sum", "/top")).toContain(sum(tops.streamed));
      expect(await containerd.ctr("content", "ls", "-q")).not.toContain(manifests.get("streamed")?.layers[1]?.digest);
      await pods.remove(pod);
      await pods.removeImage(named);
    }
  });

  it.each([
    ["streamed", "other", "plain"],
    ["other", "plain", "streamed"],
    ["plain", "streamed", "other"],
  ] as const)(
    "leave nothing when the %s image is removed first, then the %s, then the %s one, with pruning in between: each works until then",
    async (...order) => {
      for (const name of order.toReversed()) await pods.pull(reference(name));
      for (const [at, name] of order.entries()) {
        await pods.removeImage(reference(name));
        await containerd.ctr("content", "prune", "references");
        if (at === 0) await node.must("store", "gc");
        expect((await pods.images()).filter((image) => image.includes(`/${name}`))).toEqual([]);
        for (const left of order.slice(at + 1)) {
          const pod = await pods.start(reference(left), ...sleeping);
          expect(await pods.exec(pod, "/usr/bin/sha256sum", "/top")).toContain(sum(tops[left]));
          await pods.remove(pod);
        }
      }
      const left = async (): Promise<boolean> =>
        (await readdir(node.paths.snapshots)).length === 1 && (await erofsMounts()) === 0;
      await eventually("only the sandbox's image is left", left, waitMs);
      const isFreed = async (): Promise<boolean> => (await node.status()).store.chunks === 0;
      await eventually("what was stored of them is gone from the disk", isFreed, waitMs);
    },
  );

  it(`start together, ${manyPods} of as many images, while the registry of another image says nothing`, async () => {
    const contents = Array.from({ length: manyPods }, () => randomBytes(100_000));
    for (const [at, content] of contents.entries())
      await push(`many${at}`, { layers: layersWith(content) }, at % 2 === 0);
    await using stalled = await TestRegistry.start();
    stalled.faults.add({ fault: { kind: "stall" } });
    let isOver = false;
    const waiting = pods.pull(`${stalled.host}/app:1`).then(
      () => undefined,
      () => {
        isOver = true;
      },
    );
    const started = await Promise.all(contents.map((_, at) => pods.run(reference(`many${at}`), ...sleeping)));
    const sums = await Promise.all(started.map((pod) => pods.exec(pod, "/usr/bin/sha256sum", "/top")));
    expect(sums.map((text) => text.slice(0, 64))).toEqual(contents.map(sum));
    expect(isOver).toBe(false);
    await Promise.all(started.map((pod) => pods.remove(pod)));
    await Promise.all(contents.map((_, at) => pods.removeImage(reference(`many${at}`))));
    await stalled.close();
    await waiting;
  });

  it("of one image that start together fetch each byte once", async () => {
    await push("shared", { layers: layersWith(randomBytes(4_000_000)) }, true);
    await pods.pull(reference("shared"));
    node.registry.requests.length = 0;
    const together = await Promise.all(Array.from({ length: 4 }, () => pods.start(reference("shared"), ...sleeping)));
    await Promise.all(together.map((pod) => pods.exec(pod, "/usr/bin/sha256sum", "/top")));
    const fetched = node.registry.requestsMatching(/^GET .*\/blobs\//).map(({ path, headers }) => {
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(String(headers["range"])) ?? [];
      return { path, from: Number(from ?? 0), to: Number(to ?? Number.MAX_SAFE_INTEGER) };
    });
    const twice = fetched.filter((one, at) =>
      fetched.slice(0, at).some(({ path, from, to }) => path === one.path && from <= one.to && one.from <= to),
    );
    expect(fetched.length).toBeGreaterThan(0);
    expect(twice).toEqual([]);
    await Promise.all(together.map((pod) => pods.remove(pod)));
  });
});
