import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realImage, whyNoImages } from "../support/fixture-images.js";
import { sluice, sluiceJson } from "../support/sluice.js";

const run = promisify(execFile);

interface Converted {
  readonly artifact: { readonly digest: string };
  readonly layers: readonly { readonly blob: string; readonly sizeBytes: number; readonly reused: boolean }[];
}
interface Status {
  readonly rssBytes: number;
  readonly fetch: { readonly bytes: number };
}

let work: string;
let root: string;
let layout: string;
const convert = async (reference: string, at: string, ...flags: string[]): Promise<Converted> =>
  (await sluiceJson(["convert", reference, "--root", at, ...flags])) as unknown as Converted; // the contract's document

const status = async (): Promise<Status> =>
  (await sluiceJson(["daemon", "status", "--root", root])) as unknown as Status; // the contract's document

/** Four processes read every file of a tree, a share each. @returns the most memory the daemon took meanwhile. Bytes */
async function readByFour(tree: string): Promise<number> {
  const script = 'find "$1" -xdev -type f -print0 | xargs -0 -n 500 -P 4 cat >/dev/null';
  let isReading = true;
  const reading = run("sh", ["-c", script, "sh", tree]).finally(() => {
    isReading = false;
  });
  let most = 0;
  while (isReading) {
    most = Math.max(most, (await status()).rssBytes);
    await new Promise((done) => setTimeout(done, 200));
  }
  await reading;
  return most;
}

describe.skipIf(whyNoImages !== "")(`images that were converted before ${whyNoImages}`, () => {
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), "sluice-updates-"));
    root = join(work, "root");
    layout = join(work, "layout");
    await cp(await realImage("node"), layout, { recursive: true });
  });
  afterAll(async () => {
    await sluice(["daemon", "stop", "--root", root]);
    await rm(work, { recursive: true, force: true });
  });

  it("gives the same artifact on an empty machine, on a warm one, and when forced", async () => {
    const other = join(work, "other-layout");
    await cp(await realImage("nginx"), other, { recursive: true });
    const first = await convert(`oci:${other}:latest`, join(work, "empty-1"));
    const forced = await convert(`oci:${other}:latest`, join(work, "empty-1"), "--force");
    const third = join(work, "third-layout");
    await cp(await realImage("nginx"), third, { recursive: true });
    const onEmpty = await convert(`oci:${third}:latest`, join(work, "empty-2"));
    expect(forced.artifact.digest).toBe(first.artifact.digest);
    expect(onEmpty.artifact.digest).toBe(first.artifact.digest);
  });

  it("converts only the layer that changed, and a node fetches at most 1.2 times that layer", async () => {
    const before = await convert(`oci:${layout}:latest`, root);
    const after = await convert(`oci:${layout}:v2`, root);
    const known = new Set(before.layers.map(({ blob }) => blob));
    const fresh = after.layers.filter(({ blob }) => !known.has(blob));
    expect(fresh).toHaveLength(1);
    expect(after.layers.filter(({ reused }) => reused)).toHaveLength(before.layers.length - 1);

    const [first, second] = [join(work, "first"), join(work, "second")];
    await mkdir(first);
    await mkdir(second);
    await sluiceJson(["mount", `oci:${layout}:latest`, first, "--driver", "erofs", "--root", root]);
    expect(await readByFour(first)).toBeLessThan(250e6); // as fast as a local disk gives it
    const fetchedBefore = (await status()).fetch.bytes;
    await sluiceJson(["mount", `oci:${layout}:v2`, second, "--driver", "erofs", "--root", root]);
    await readByFour(second);
    const fetched = (await status()).fetch.bytes - fetchedBefore;
    const changed = fresh.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(changed).toBeGreaterThan(1e6);
    expect(fetched).toBeGreaterThan(0.9 * changed);
    expect(fetched).toBeLessThanOrEqual(1.2 * changed);
    for (const point of [first, second]) await sluiceJson(["umount", point, "--root", root]);
  });

  it("serves four parallel readers from its store in less than 150 MB", async () => {
    const point = join(work, "warm");
    await mkdir(point);
    await sluiceJson(["daemon", "stop", "--root", root]); // the next one starts with a full store
    await sluiceJson(["mount", `oci:${layout}:latest`, point, "--driver", "erofs", "--root", root]);
    await writeFile("/proc/sys/vm/drop_caches", "3");
    const before = (await status()).fetch.bytes;
    expect(await readByFour(point)).toBeLessThan(150e6);
    expect((await status()).fetch.bytes).toBe(before);
    await sluiceJson(["umount", point, "--root", root]);
  });
});
