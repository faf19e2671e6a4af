import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anonymous, sha256Of as digestOf, RegistryClient } from "@sluice/oci";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { output, sha256Of } from "../support/other-process.js";
import { sentBlobBytes } from "../support/pulled-bytes.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { eventually } from "../support/served-disk.js";
import { sluiceJson } from "../support/sluice.js";
import { programEntries, pushSmallImage } from "../support/small-image.js";

const files = 8;
const contents = Array.from({ length: files }, () => randomBytes(2_000_000));
const imageBytes = files * 2_000_000;
const pages = contents.map((content) => content.subarray(0, 4096).toString("latin1"));
const sums = contents.map((content) => digestOf(content).slice(7));

/** What the registry owes to the nodes that stream from it: `sluice serve`, nodes with a data root each, all by the command line. */
describe("a registry and the nodes that stream from it, by the command line", () => {
  let registry: RunningRegistry;
  let folder: string;
  let image: string;
  const nodes: KeptNode[] = [];
  beforeAll(async () => {
    registry = await startRegistry({ conversions: 0 });
    folder = await mkdtemp(join(tmpdir(), "sluice-node-rows-"));
    image = `${registry.host}/app:1`;
    const client = new RegistryClient({ credentials: anonymous });
    const shell = await programEntries("/bin/sh", "/bin/cat", "/usr/bin/sha256sum");
    await pushSmallImage(client.repository(registry.host, "app"), "1", {
      layers: [[...shell, ...contents.map((content, at) => ({ name: `f${at}`, content }))]],
      config: { Cmd: ["/bin/sh", "-c", "echo started"] },
    });
    await client.close();
    await sluiceJson(["convert", image, "--root", folder]);
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** @param configuration of the node: keys of the configuration file */
  async function newNode(configuration: object = {}): Promise<KeptNode> {
    const home = await mkdtemp(join(folder, "config-"));
    await mkdir(join(home, "sluice"));
    await writeFile(join(home, "sluice/config.yaml"), JSON.stringify(configuration));
    const node = await KeptNode.create({ XDG_CONFIG_HOME: home });
    nodes.push(node);
    return node;
  }
  const mounted = (node: KeptNode): Promise<string> => node.mount({ reference: image, sums: new Map() }, "mnt");
  const firstPage = (mountpoint: string, file: number): Promise<string> =>
    output("head", ["-c", "4096", join(mountpoint, `f${file}`)]);
  /** What the registry sent meanwhile. */
  async function sentDuring(work: () => Promise<void>): Promise<number> {
    const before = await sentBlobBytes(registry.host);
    await work();
    return (await sentBlobBytes(registry.host)) - before;
  }

  it("AS5, AS7, AS10: nodes read a part of it under one reference from the registry, or from a replica where that is nearer", async () => {
    await using replica = await startRegistry({ conversions: 0 });
    await sluiceJson(["import", "--source", image, "-t", "app:1", "--registry", replica.host]);
    const near = await newNode();
    const fromHome = await sentDuring(async () => expect(await firstPage(await mounted(near), 3)).toBe(pages[3]));
    expect(fromHome).toBeGreaterThan(4096);
    expect(fromHome).toBeLessThan(imageBytes / 2);
    const far = await newNode({ mirrors: { [registry.host]: [`http://${replica.host}`] } });
    const none = await sentDuring(async () => expect(await sha256Of(join(await mounted(far), "f0"))).toBe(sums[0]));
    expect([none, await sentBlobBytes(replica.host)]).toEqual([0, expect.toSatisfy((sent) => sent > 2_000_000)]);
  });

  it("AS11: containers of one image that start at once share what is fetched", async () => {
    const node = await newNode();
    const start = () => node.must("run", image, "--net", "none", "--", "/bin/sh", "-c", "exec sha256sum /f*");
    let printed: readonly string[] = [];
    const sent = await sentDuring(async () => {
      printed = await Promise.all(Array.from({ length: 4 }, start));
    });
    const expected = sums.map((sum, at) => `${sum}  /f${at}\n`).join("");
    expect(printed).toEqual(Array.from({ length: 4 }, () => expected));
    expect(sent).toBeLessThan(1.5 * imageBytes);
  });

  it("AS14: many nodes start from one registry at once, each fetching its part alone", async () => {
    const many = await Promise.all([0, 1, 2].map(() => newNode()));
    const sent = await sentDuring(async () => {
      const read = many.map(async (node, at) => firstPage(await mounted(node), at));
      expect(await Promise.all(read)).toEqual(pages.slice(0, many.length));
    });
    expect(sent).toBeLessThan((many.length * imageBytes) / 2);
  });

  it("AS8: `bench` starts it pulled in full and streamed, and tells times and bytes; published figures are far beyond 15 %", async () => {
    const node = await newNode();
    const link = ["--rate", "200mbit", "--rtt", "5ms", "--runs", "1", "--mode", "full,streamed"];
    const told = await node.must("bench", image, ...link, "--ready-line", "started", "-o", "json");
    type Median = { readonly median: number };
    const { modes } = JSON.parse(told) as { modes: { secondsToReady: Median; bytes: Median }[] };
    const [full, streamed] = modes;
    expect(full?.secondsToReady.median).toBeGreaterThan((imageBytes * 8) / 200e6);
    expect(streamed?.secondsToReady.median).toBeGreaterThan(0);
    expect(streamed?.bytes.median).toBeLessThan(imageBytes / 2);
    const published = await readFile(new URL("../../docs/benchmarks.md", import.meta.url), "utf8");
    const timesFaster = [...published.matchAll(/^\| \w+ \| streamed \| [\d.]+ \| [\d.]+ \| ([\d.]+) \|/gm)].map(
      ([, times]) => Number(times),
    );
    expect(timesFaster.length).toBeGreaterThan(3);
    for (const times of timesFaster) expect(times).toBeGreaterThan(1 / 0.85);
  });

  it("AS13: says of an image that its starts read most of it, and fetches the rest of it in the background where that is wanted", async () => {
    const heavy = image.replace("/app:1", "/heavy:1");
    await sluiceJson(["import", "--source", image, "-t", "heavy:1", "--registry", registry.host]);
    const node = await newNode({ background: { enabled: true } });
    expect(JSON.parse(await node.must("inspect", heavy, "-o", "json"))).toMatchObject({ warnings: [] });
    await node.must("optimize", heavy, "--starts", "1", "--", "/bin/sh", "-c", "cat /f* >/dev/null");
    const told = expect.stringContaining("a start reads");
    expect(JSON.parse(await node.must("inspect", heavy, "-o", "json"))).toMatchObject({ warnings: [told] });
    const mountpoint = await mounted(node);
    const isThere = async () => (await node.status()).store.bytes > imageBytes;
    await eventually("all of it is in the store", isThere, 30_000);
    const sent = await sentDuring(async () => expect(await sha256Of(join(mountpoint, "f7"))).toBe(sums[7]));
    expect(sent).toBe(0);
  });
});
