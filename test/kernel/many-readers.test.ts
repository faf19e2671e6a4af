import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { RangeSet, sha256Of, sizeOfRange } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultyNode } from "../support/faults/faulty-node.js";
import { contentOf } from "../support/faults/file-content.mjs";

const run = promisify(execFile);
const shell = async (script: string, ...args: readonly string[]): Promise<string> =>
  (await run("sh", ["-c", script, "sh", ...args], { maxBuffer: 64e6, timeout: 120_000 })).stdout;

/** Twice of it does not fit into the budget. */
const image = { files: 24, fileBytes: 3_000_000, budgetBytes: 64 * 1024 * 1024 } as const;

let node: FaultyNode;
beforeAll(async () => {
  node = await FaultyNode.create({ ...image, seed: 1, diskBytes: 96 * 1024 * 1024, deadlineSeconds: 60 });
  await node.start();
});
afterAll(() => node.close());

/** Ranges of blobs that the registry sent, or began to, since so many requests. */
const sentRanges = (since: number): readonly string[] =>
  node.registry.requests
    .slice(since)
    .filter(({ listener, sentBytes }) => listener === "storage" && sentBytes > 0)
    .map(({ path, headers }) => `${path} ${String(headers["range"])}`);

/** Those that share a byte with one before them. */
function sentAgain(ranges: readonly string[]): readonly string[] {
  const sent = new Map<string, RangeSet>();
  return ranges.filter((range) => {
    const [, blob = "", first, last] = /^(\S+) bytes=([0-9]+)-([0-9]+)$/.exec(range) ?? [];
    if (first === undefined || last === undefined) return false; // a whole blob: a config
    const wanted = { start: Number(first), end: Number(last) + 1 };
    const before = sent.get(blob) ?? new RangeSet();
    const missing = before.missing(wanted).reduce((sum, gap) => sum + sizeOfRange(gap), 0);
    before.add(wanted);
    sent.set(blob, before);
    return missing < sizeOfRange(wanted);
  });
}

describe("many readers of one image on one node", () => {
  it("bring each chunk once, however many start at once", async () => {
    await node.mount();
    const before = node.registry.requests.length;
    const script = 'seq 200 | xargs -P 200 -I{} sh -c \'cat "$1/file-0" "$1/file-1" "$1/file-2" | sha256sum\' sh "$1"';
    const all = Buffer.concat([0, 1, 2].map((file) => contentOf(file, image.fileBytes)));
    const sums = new Set((await shell(script, node.mountpoint)).trim().split("\n"));
    expect([...sums]).toEqual([`${sha256Of(all).slice(7)}  -`]);
    expect(sentRanges(before).length).toBeGreaterThan(3);
    expect(sentAgain(sentRanges(before))).toEqual([]);
  });

  it("read an image that is larger than the store, right and to the end", async () => {
    const expected = Array.from({ length: image.files }, (_, file) =>
      sha256Of(contentOf(file, image.fileBytes)).slice(7),
    );
    const script = 'seq 0 23 | xargs -P 6 -I{} sha256sum "$1/file-{}" | sort -V -k2 | cut -d" " -f1';
    for (let round = 0; round < 2; round++) {
      expect((await shell(script, node.mountpoint)).trim().split("\n")).toEqual(expected);
      await run("sh", ["-c", "echo 1 > /proc/sys/vm/drop_caches"]);
    }
    const use = await node.client.storeUse();
    expect(use.bytes).toBeLessThanOrEqual(image.budgetBytes);
    expect(use.evictions).toBeGreaterThan(0);
    expect((await node.client.status()).reads.errors).toBe(0);
  });

  it("open, stat and close ten thousand times without a descriptor left", async () => {
    const before = await node.held();
    const script =
      'for i in $(seq 420); do cat "$1"/file-* 2>/dev/null | head -c 1 >/dev/null; stat "$1"/file-* >/dev/null; done';
    await shell(script, node.mountpoint);
    const after = await node.held();
    expect(after.descriptors - before.descriptors).toBeLessThan(20);
  });

  it("wait when the registry is away for a while in the middle, and hear nothing of it", async () => {
    await run("sh", ["-c", "echo 1 > /proc/sys/vm/drop_caches"]);
    const reading = spawn("sh", ["-c", `cat '${join(node.mountpoint, "file-")}'* | sha256sum`], { stdio: "ignore" });
    const comeBack = node.registry.faults.add({ fault: { kind: "reset" } });
    await new Promise((done) => setTimeout(done, 3000));
    comeBack();
    const [code] = (await once(reading, "exit")) as [number | null];
    expect(code).toBe(0);
    expect((await node.client.status()).reads.errors).toBe(0);
  });

  it("share one store between fifty mounts, within its budget and little memory", async () => {
    for (let i = 0; i < 50; i++) await node.mount(`${node.mountpoint}-many/${i}`);
    await shell('seq 0 49 | xargs -P 8 -I{} cat "$1-many/{}/file-{}" 2>/dev/null | wc -c', node.mountpoint);
    const { rssBytes, diskBytes } = await node.held();
    expect(rssBytes).toBeLessThan(250e6);
    expect(diskBytes).toBeLessThan(80 * 1024 * 1024);
    expect((await node.client.mounts()).length).toBe(51);
  });
});
