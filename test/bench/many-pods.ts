/**
 * Many pods that start together, each of an image of its own, beside one alone: nginx on layers that all of them share, and a layer for each with its configuration and noise. Through
 * containerd, on a shaped link, each time on an empty node; the pods' sandboxes are there before. Needs root, runc and containerd.
 *
 *     node test/bench/run.js many-pods [--pods 50] [--rate 100mbit] [--rtt 20ms] [--containerd PROGRAM …]
 *
 * Prints JSON; `through-containerd` runs it and holds it against what this project wants.
 */
import { randomBytes } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { convertImage } from "@sluice/converter";
import { createImageManifest, ImageLayout, maxImageConfigBytes, readBounded, sha256Of } from "@sluice/oci";
import { createSilentLog } from "@sluice/snapshotter";
import { parseRate, parseRoundTrip, type Stage, setStage } from "sluice/bench";
import { realImage } from "../support/fixture-images.js";
import type { Pods } from "../support/pods/pods.js";
import { readyLines } from "../support/ready-lines.js";
import { tarOf } from "../support/small-image.js";
import { pushBlob } from "../support/whole-blobs.js";
import {
  containerdPrograms,
  containerdVersion,
  dropCaches,
  hasSaid,
  onContainerd,
  secondsSince,
} from "./containerd-node.js";
import { rounded, thisMachine } from "./figures.js";

/** What no other image has. Bytes. */
const noiseBytes = 100_000;
/** All pods have the network of the host, in which only one could listen on a port. */
const nginxConfig = `daemon off;
error_log /dev/stderr notice;
events {}
http { server { listen unix:/run/nginx.sock; root /srv; } }
`;

export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      pods: { type: "string", default: "50" },
      rate: { type: "string", default: "100mbit" },
      rtt: { type: "string", default: "20ms" },
      containerd: { type: "string", multiple: true },
    },
  });
  const { rate, rtt } = values;
  const count = Number(values.pods);
  const work = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    const layout = join(work, "layout");
    await cp(await realImage("nginx"), layout, { recursive: true });
    await using repository = new ImageLayout(layout);
    const place = { repository, target: "latest", reference: `oci:${layout}:latest` };
    const shape = { bytesPerSecond: parseRate(rate), roundTripMs: parseRoundTrip(rtt) };
    const root = join(work, "cache");
    await using stage = await setStage(place, { dir: join(work, "registry"), root, shape, log: createSilentLog() });
    const images: string[] = [];
    for (let at = 0; at < count; at++) images.push(await pushOwn(stage, `pod${at}`, root));
    console.error(`${count} images: staged`);
    const through: Record<string, unknown> = {};
    for (const program of values.containerd ?? containerdPrograms()) {
      through[await containerdVersion(program)] = await together(program, stage, images, shape.bytesPerSecond);
    }
    const figures = { link: { rate, rtt }, pods: count, through };
    console.log(JSON.stringify({ bench: "many-pods", ...(await thisMachine()), ...figures }, null, 2));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The stage's image with a layer on top, converted. @returns its reference through the link */
async function pushOwn({ host, repository: name, image, manifest }: Stage, tag: string, root: string): Promise<string> {
  const { repository } = image.direct;
  if (manifest.config === undefined) throw new TypeError(`${image.reference}: no config`);
  const tar = await tarOf([
    { name: "etc/nginx/nginx.conf", content: nginxConfig },
    { name: "srv/noise", content: randomBytes(noiseBytes) },
  ]);
  const layer = gzipSync(tar);
  const text = await readBounded(repository.readBlob(manifest.config), maxImageConfigBytes, "image config");
  const config = JSON.parse(Buffer.from(text).toString());
  config.config = { Entrypoint: ["/bin/sh", "-c", "cat /srv/noise > /dev/null; exec nginx"] };
  config.rootfs.diff_ids.push(sha256Of(tar));
  const own = await pushBlob(repository, "application/vnd.oci.image.layer.v1.tar+gzip", layer);
  const descriptor = await pushBlob(repository, manifest.config.mediaType, Buffer.from(JSON.stringify(config)));
  await repository.pushManifest(createImageManifest({ config: descriptor, layers: [...manifest.layers, own] }), {
    tag,
  });
  await convertImage({ repository, target: tag, reference: `${image.directReference}` }, { root });
  return `${host}/${name}:${tag}`;
}

/** One alone, all together, and all together where overlayfs has every image unpacked already: what that takes is the machine's. */
async function together(program: string, stage: Stage, images: readonly string[], bytesPerSecond: number) {
  const one = await onContainerd(program, "sluice", (pods) => started(pods, stage, images.slice(0, 1)));
  const all = await onContainerd(program, "sluice", (pods) => started(pods, stage, images));
  const unpacked = await onContainerd(program, "overlayfs", async (pods) => {
    for (const image of images) await pods.pull(image);
    return await started(pods, stage, images);
  });
  return {
    "one s": rounded(one.seconds),
    "all s": rounded(all.seconds),
    "fetched MB": rounded(all.bytes / 1e6),
    "link s": rounded(all.bytes / bytesPerSecond),
    "all unpacked s": rounded(unpacked.seconds),
  };
}

async function started(pods: Pods, { link }: Stage, images: readonly string[]) {
  const sandboxes = await Promise.all(images.map(async (image) => ({ image, sandbox: await pods.sandbox() })));
  await dropCaches();
  const bytesBefore = link.bytesToNode();
  const sinceMs = performance.now();
  const running = await Promise.all(
    sandboxes.map(async ({ image, sandbox }) => {
      await pods.pull(image);
      const pod = await pods.startIn(sandbox, image);
      await hasSaid(pod, readyLines.nginx);
      return pod;
    }),
  );
  const seconds = secondsSince(sinceMs);
  const bytes = link.bytesToNode() - bytesBefore;
  await Promise.all(running.map((pod) => pods.remove(pod)));
  return { seconds, bytes };
}
