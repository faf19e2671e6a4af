import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { AbortOptions, ImageManifest, Repository } from "@sluice/oci";
import PQueue from "p-queue";
import { convertWhiteouts } from "./whiteouts.js";

/** containerd's default (`max_concurrent_downloads`). */
const concurrentDownloads = 3;

/**
 * Pulls an image the ordinary way: layers downloaded three at a time, unpacked one after the other as they arrive, each into a
 * directory of its own, as containerd's overlayfs snapshotter does.
 *
 * @returns the directories, the top layer first: the `lowerdir` of an overlay
 */
export async function pullAndUnpack(
  from: Repository,
  manifest: ImageManifest,
  dir: string,
  options?: AbortOptions,
): Promise<string[]> {
  const downloads = new PQueue({ concurrency: concurrentDownloads });
  const files = manifest.layers.map((layer, i) =>
    downloads.add(async () => {
      const path = join(dir, `layer-${i}.tar`);
      await pipeline(from.readBlob(layer, options), createWriteStream(path));
      return path;
    }),
  );
  const unpacked: string[] = [];
  for (const [i, file] of files.entries()) {
    const path = await file;
    const target = join(dir, `layer-${i}`);
    await mkdir(target);
    await untar(path, manifest.layers[i]?.mediaType ?? "", target, options);
    await convertWhiteouts(target);
    await rm(path);
    unpacked.unshift(target);
  }
  return unpacked;
}

/** With the system's tar, in the mind of the fastest unpacker at hand. @throws {Error} with what it said */
async function untar(path: string, mediaType: string, target: string, options?: AbortOptions): Promise<void> {
  const packing = mediaType.endsWith("zstd") ? ["--zstd"] : mediaType.endsWith("gzip") ? ["--gzip"] : [];
  const child = spawn(
    "tar",
    ["--extract", ...packing, "--numeric-owner", "--xattrs", "--xattrs-include=*", "--directory", target],
    { stdio: ["pipe", "ignore", "pipe"], signal: options?.signal },
  );
  let complaint = "";
  child.stderr.on("data", (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-1000);
  });
  const closed = once(child, "close");
  await Promise.all([pipeline(createReadStream(path), child.stdin).catch(() => undefined), closed]);
  if (child.exitCode !== 0) throw new Error(`tar could not unpack ${path}: ${complaint.trim() || "it was killed"}`);
}
