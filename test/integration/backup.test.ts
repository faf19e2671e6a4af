import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createImageManifest, emptyDescriptor, ociMediaTypes, sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluiceJson } from "../support/sluice.js";

const program = new URL("../../packages/cli/bin/sluice.js", import.meta.url).pathname;

describe("backups of a registry under load, by the command line", () => {
  let registry: RunningRegistry;
  let folder: string;
  beforeAll(async () => {
    registry = await startRegistry();
    folder = await mkdtemp(join(tmpdir(), "sluice-backups-"));
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const send = (method: string, path: string, body?: Uint8Array | string, type = "application/octet-stream") =>
    fetch(`http://${registry.host}${path}`, {
      method,
      ...(body !== undefined && { body: Buffer.from(body), headers: { "content-type": type } }),
    });
  const push = async (at: number): Promise<void> => {
    const layer = Buffer.alloc(100_000, `layer ${at}`);
    for (const blob of [layer, Buffer.from("{}")])
      await send("POST", `/v2/app/blobs/uploads/?digest=${sha256Of(blob)}`, blob);
    const layers = [{ mediaType: ociMediaTypes.layer, digest: sha256Of(layer), size: layer.length }];
    const { bytes } = createImageManifest({ config: emptyDescriptor, layers });
    const response = await send("PUT", `/v2/app/manifests/${at}`, bytes, ociMediaTypes.manifest);
    if (response.status !== 201) throw new Error(await response.text());
  };
  /** Pushes until it is stopped, or the registry dies. @returns how many were acknowledged */
  const load = () => {
    let [count, isStopped] = [0, false];
    const running = (async () => {
      for (; !isStopped; count++) await push(count);
    })().catch(() => undefined);
    const stop = async (): Promise<void> => {
      isStopped = true;
      await running;
    };
    return { count: () => count, stop };
  };
  /** Every image of a registry that is made of the backup, read to its last byte. */
  const imagesIn = async (backup: string): Promise<number> => {
    const root = await mkdtemp(join(folder, "root-"));
    await sluiceJson(["serve", "restore", backup, "--root", root]);
    const copy = spawn(process.execPath, [program, "--root", root, "serve", "--listen", "127.0.0.1:0", "-o", "json"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [line] = (await once(copy.stdout, "data")) as [Buffer];
    const lines: Buffer[] = [line];
    while (!Buffer.concat(lines).toString().endsWith("}\n"))
      lines.push(((await once(copy.stdout, "data")) as [Buffer])[0]);
    const { url } = JSON.parse(Buffer.concat(lines).toString()) as { url: string };
    const { tags } = (await (await fetch(`${url}/v2/app/tags/list`)).json()) as { tags: string[] };
    for (const tag of tags) {
      const manifest = (await (await fetch(`${url}/v2/app/manifests/${tag}`)).json()) as {
        layers: { digest: string }[];
      };
      const layer = await fetch(`${url}/v2/app/blobs/${manifest.layers[0]?.digest}`);
      expect(sha256Of(new Uint8Array(await layer.arrayBuffer()))).toBe(manifest.layers[0]?.digest);
    }
    copy.kill("SIGTERM");
    await once(copy, "exit");
    return tags.length;
  };

  it("holds every image that was pushed before it, whole", async () => {
    const pushing = load();
    while (pushing.count() < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = pushing.count();
    await sluiceJson(["serve", "backup", join(folder, "a"), "--root", registry.root, "--registry", registry.host]);
    const after = pushing.count();
    await pushing.stop();
    const held = await imagesIn(join(folder, "a"));
    expect(held).toBeGreaterThanOrEqual(before);
    expect(held).toBeLessThanOrEqual(after + 1);
  });

  it("survives SIGKILL of the backup and of the registry in the middle: the one before stays", async () => {
    const backup = join(folder, "b");
    const words = ["serve", "backup", backup, "--root", registry.root, "--registry", registry.host];
    await sluiceJson(words);
    const held = await imagesIn(backup);
    const pushing = load();
    const killed = spawn(process.execPath, [program, ...words], { stdio: "ignore" });
    const isUnderWay = (): boolean => existsSync(join(backup, "unfinished")) || killed.exitCode !== null;
    while (pushing.count() < 3 || !isUnderWay()) await new Promise((resolve) => setTimeout(resolve, 2));
    killed.kill("SIGKILL");
    await registry.stop("SIGKILL");
    await pushing.stop();
    await registry.restart();
    expect(await imagesIn(backup)).toBeGreaterThanOrEqual(held);
    await sluiceJson(["serve", "backup", backup, "--root", registry.root, "--registry", registry.host]);
    expect(await imagesIn(backup)).toBeGreaterThanOrEqual(held);
  });
});
