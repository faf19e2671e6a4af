import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anonymous, type ImageManifest, RegistryClient } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noiseFile, type PushImageOptions, pushImage, tarOf } from "../support/pushed-image.js";
import { askApi } from "../support/registry-api.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { type Outcome, sluice, sluiceJson } from "../support/sluice.js";

/** What the registry owes by the command line, where no conversion of its own is needed: the queue stands still. */
describe("a registry that queues conversions and runs none, by the command line", () => {
  let registry: RunningRegistry;
  let client: RegistryClient;
  let folder: string;
  beforeAll(async () => {
    registry = await startRegistry({ conversions: 0, publicUrl: "https://registry.example.com", allowOpen: true });
    client = new RegistryClient({ credentials: anonymous });
    folder = await mkdtemp(join(tmpdir(), "sluice-rows-"));
  });
  afterAll(async () => {
    await client.close();
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const push = async (name: string, options: PushImageOptions = {}): Promise<ImageManifest> =>
    await pushImage(client.repository(registry.host, name), [await tarOf([noiseFile("a", 5_000)])], {
      ...{ tag: "1", ...options },
    });
  const run = (...args: readonly string[]): Promise<Outcome> => sluice([...args, "--registry", registry.host]);
  const json = (...args: readonly string[]) => sluiceJson([...args, "--registry", registry.host]);
  const local = (name: string): readonly string[] => [`${registry.host}/${name}`, "--root", folder];

  it("AS33: is there with `serve` on a fresh data root, with nothing else to create", async () => {
    await push("fresh");
    const { repositories } = await json("repo", "list");
    expect(repositories).toContainEqual({ name: "fresh", streaming: "Inactive" });
  });

  it("AS6: names itself as its configuration says, and gives places relative to that", async () => {
    const begun = await fetch(`http://${registry.host}/v2/private/blobs/uploads/`, { method: "POST" });
    expect(begun.headers.get("location")).toMatch(/^\/v2\/private\/blobs\/uploads\//);
    const challenge = await fetch(`http://${registry.host}/v2/`, { headers: { authorization: "Bearer none" } });
    expect(challenge.headers.get("www-authenticate")).toContain('realm="https://registry.example.com/');
  });

  it("AS27, AS28: tells how an operation stands, and ends it once; what is finished is refused", async () => {
    const { digest } = await push("ended");
    const asked = await json("convert", "ended:1", "--no-wait");
    expect(asked).toMatchObject({ status: "NotStarted", progressPercent: 0, digest });
    const select = ["--repository", "ended", "--id", String(asked["id"])];
    expect(await json("operation", "show", ...select)).toMatchObject({ status: "NotStarted", id: asked["id"] });
    expect(await json("operation", "cancel", ...select)).toMatchObject({ status: "Canceled", id: asked["id"] });
    const again = await run("operation", "cancel", "--image", "ended:1");
    expect([again.code, again.stdout, again.stderr]).toEqual([
      1,
      "",
      expect.stringContaining(`does not have any ongoing operation. Operation ID: ${asked["id"]}`),
    ]);
  });

  it("AS19: converts what is there already tag by tag, when it is told to; what cannot be converted stays away", async () => {
    const image = await push("all");
    await client.repository(registry.host, "all").pushManifest(image, { tag: "again" });
    await push("all", { tag: "arm", architecture: "arm64" });
    const converted = await sluiceJson(["convert", ...local("all"), "--all-tags"]);
    const { images } = converted as { images: { tag: string; alreadyConverted: boolean; artifactDigest: string }[] };
    expect(images.map(({ tag, alreadyConverted }) => [tag, alreadyConverted])).toEqual([
      ["1", false],
      ["again", true],
    ]);
    expect(converted).toMatchObject({ skipped: [{ tag: "arm", code: "UNSUPPORTED_PLATFORM" }], failed: [] });
    const [first] = images;
    const there = { digest: image.digest, artifactDigest: first?.artifactDigest, alreadyConverted: true };
    const asked = await json("convert", "all", "--all-tags", "--on-server");
    expect(asked).toMatchObject({ images: [there, there], skipped: [{ code: "UNSUPPORTED_PLATFORM" }], failed: [] });
    const wrong = await run("convert", "all:1", "--all-tags");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("without a tag")]);
  });

  it("AS19: queues one conversion of each image for all its tags", async () => {
    await client.repository(registry.host, "queue").pushManifest(await push("queue"), { tag: "2" });
    const { images } = await json("convert", "queue", "--all-tags", "--no-wait");
    const [one, two, ...others] = images as { id: string; tag: string }[];
    expect([one?.tag, two?.tag, one?.id, others]).toEqual(["1", "2", two?.id, []]);
  });

  it.each([
    ["AS36, AS37: ARM64", { architecture: "arm64" }],
    ["AS36, AS37: Windows", { os: "windows" }],
  ])("%s is refused by name, here and by the registry", async (_what, options) => {
    await push("other", options);
    for (const args of [local("other:1"), ["other:1", "--on-server"]]) {
      const { code, stdout, stderr } = await run("convert", ...args);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(/linux\/amd64/)]);
    }
  });

  it("AS41: deletes the streaming artifact with its image, for good where soft delete keeps the original", async () => {
    await push("gone");
    const { artifact } = await sluiceJson(["convert", ...local("gone:1")]);
    const { digest } = artifact as { digest: string };
    const has = async () => (await fetch(`http://${registry.host}/v2/gone/manifests/${digest}`)).status;
    expect(await has()).toBe(200);
    await json("config", "soft-delete", "update", "--status", "enabled");
    await json("repository", "delete", "gone", "--yes");
    expect(await has()).toBe(404);
    await json("manifest", "restore", "-n", "gone:1");
    expect(await has()).toBe(404);
    expect(await json("manifest", "list-referrers", "-n", "gone:1")).toMatchObject({ referrers: [] });
    await json("config", "soft-delete", "update", "--status", "disabled");
  });

  it("AS43: marks in its help what may change, and nothing that is promised", async () => {
    const { stdout } = await sluice(["--help"]);
    const marked = [...stdout.matchAll(/^ {2}([\w-]+) .*\[preview\]/gm)].map(([, verb]) => verb);
    expect(marked).toEqual(["worker", "demo"]);
    expect(stdout).toContain("Verbs marked [preview] may change in any version.");
    expect((await sluice(["node", "--help"])).stdout).toMatch(/agent .*\[preview\]/);
  });

  it("AS32: takes the registry from the configuration, before it from the environment, before that from the flag", async () => {
    const env = { XDG_CONFIG_HOME: folder };
    const config = ["--config", join(folder, "config.yaml")];
    await writeFile(join(folder, "config.yaml"), "");
    const list = async (more: readonly string[], variables = {}): Promise<string> => {
      const { code, stderr } = await sluice([...config, "repo", "list", ...more], { ...env, ...variables });
      return code === 0 ? "reached" : stderr;
    };
    await sluiceJson([...config, "config", "set", "defaults.registry=127.0.0.1:1"], env);
    expect(await list([])).toContain("127.0.0.1:1/");
    expect(await list([], { SLUICE_REGISTRY: "127.0.0.1:2" })).toContain("127.0.0.1:2/");
    expect(await list(["--registry", registry.host], { SLUICE_REGISTRY: "127.0.0.1:2" })).toBe("reached");
  });

  it("AS35: says its version, and when another program answers than a registry of this API's version", async () => {
    expect((await sluice(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await askApi(registry.host, "GET", "/")).body).toEqual({ apiVersion: 1 });
    const other = createServer((_request, response) => response.writeHead(404).end("404 page not found\n"));
    await once(other.listen(0, "127.0.0.1"), "listening");
    const { port } = other.address() as AddressInfo; // of a TCP server
    const { code, stderr } = await sluice(["repo", "list", "--registry", `127.0.0.1:${port}`]);
    other.close();
    expect([code, stderr]).toEqual([1, expect.stringContaining("version 1 of the API")]);
  });

  it("AS48: every verb that manages has its document in JSON, by the API that the web page uses", async () => {
    for (const verb of ["repo list", "operation list", "usage show", "usage quota", "events list", "webhook list"]) {
      expect(await json(...verb.split(" "))).toBeTypeOf("object");
    }
  });
});
