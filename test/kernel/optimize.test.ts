import { randomBytes } from "node:crypto";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ImageManifest, RegistryClient } from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { mountTable } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sluice, sluiceJson } from "../support/sluice.js";
import { programEntries, pushSmallImage } from "../support/small-image.js";

let folder: string;
let registry: TestRegistry;
let image: string;
let manifest: ImageManifest;

/** No prediction knows this file: its name is in another one. */
const secretBytes = 400_000;
const script = `read -r file < /srv/name; while read -r line; do n=x; done < "$file"; echo is ready; read -r forever < /srv/fifo`;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-optimize-")));
  registry = await TestRegistry.start();
  image = `${registry.host}/app:1`;
  await using client = new RegistryClient();
  const lines = randomBytes(secretBytes / 2)
    .toString("hex")
    .replace(/(.{100})/g, "$1\n");
  manifest = await pushSmallImage(client.repository(registry.host, "app"), "1", {
    layers: [
      [
        ...(await programEntries("/bin/sh")),
        { name: "srv", type: "directory" },
        { name: "srv/name", content: "/srv/secret\n" },
        { name: "srv/secret", content: lines },
        { name: "srv/unread", content: randomBytes(3_000_000) },
        { name: "srv/fifo", type: "fifo" },
      ],
    ],
    config: { Cmd: ["/bin/sh", "-c", script] },
  });
  await sluiceJson(["convert", image, "--root", join(folder, "convert")]);
});
afterAll(async () => {
  for (const root of ["record", "node"]) await sluice(["daemon", "stop", "--root", join(folder, root)]);
  await registry[Symbol.asyncDispose]();
  expect((await mountTable()).filter(({ target }) => target.startsWith(folder))).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

/** Digests of the blobs of the artifact that nodes take, by kind. */
async function artifactBlobs(): Promise<Readonly<Record<string, string>>> {
  const inspection = await sluiceJson(["inspect", image]);
  const blobs = inspection["blobs"] as readonly { kind: string; digest: string }[]; // the contract's document
  return Object.fromEntries(blobs.map(({ kind, digest }) => [kind, digest]));
}

const optimize = (...flags: string[]) => ["optimize", image, "--root", join(folder, "record"), ...flags];

describe("optimize", () => {
  it("publishes what the start read until it was ready", async () => {
    const result = await sluiceJson(optimize("--ready-line", "is ready"));
    expect(result).toMatchObject({ source: { digest: manifest.digest }, recordings: 3, newRecordings: 3 });
    const inspection = await sluiceJson(["inspect", image]);
    const startup = inspection["startup"] as { dataBytes: number }; // the contract's document
    expect(startup).toMatchObject({ recordings: 3 });
    expect(startup.dataBytes).toBeGreaterThan(secretBytes);
    expect(startup.dataBytes).toBeLessThan(secretBytes + 3_000_000);
    expect(await sluiceJson(["verify", image, "--root", join(folder, "convert")])).toMatchObject({ ok: true });
  });

  it("lets a node that never saw the image start from one stream, without asking for metadata", async () => {
    registry.requests.length = 0;
    const untilReady = script.slice(0, script.lastIndexOf(";"));
    const run = ["run", image, "--root", join(folder, "node"), "--", "/bin/sh", "-c", untilReady];
    expect(await sluice(run)).toMatchObject({ code: 0, stdout: expect.stringContaining("is ready") });
    const paths = registry.requests.map(({ path }) => path);
    const { startup = "none", metadata = "none" } = await artifactBlobs();
    expect(paths.filter((path) => path.endsWith(startup))).toHaveLength(1);
    expect(paths.filter((path) => path.endsWith(metadata))).toEqual([]);
    // Image, referrers, artifact, config, stream; a few more for what this start reads and the recorded one did not.
    expect(paths.length).toBeLessThanOrEqual(10);
  });

  it("publishes nothing when the start does not get ready, and says why", async () => {
    const never = await sluice(optimize("--ready-line", "is never said", "--timeout", "1"));
    expect(never).toMatchObject({ code: 1, stderr: expect.stringMatching(/not ready after 1 s; its last output/) });
    const badly = await sluice(optimize("--", "/bin/sh", "-c", "exit 3"));
    expect(badly).toMatchObject({ code: 1, stderr: expect.stringContaining("ended with 3 before it was ready") });
    expect(await sluiceJson(["inspect", image])).toMatchObject({ startup: { recordings: 3 } });
  });
});
