import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nastyImages, type RealImage, realImage, whyNoImages } from "../support/fixture-images.js";
import { sluice, sluiceJson } from "../support/sluice.js";
import { compareTrees, listTree, unpackImage } from "../support/tree.js";

const run = promisify(execFile);
const realImages: readonly RealImage[] = ["nginx", "node", "postgres", "tomcat", "python"];
const nastyTags = ["nasty", "deep", "wide", "large", "multi", "empty"] as const;

/** Images of so many files that a whole walk through fuse-native, whose every call is answered by one thread, takes a minute and more. */
const largeTrees: readonly string[] = ["node", "postgres", "tomcat", "python", "wide"];

/** fuse-native passes times as whole milliseconds since 1970 (docs/limits.md). */
function millisecondTimes(row: Record<string, unknown>): void {
  if (row["mtime"] === undefined) return;
  const nanoseconds = BigInt(String(row["mtime"]));
  row["mtime"] = String(nanoseconds < 0n ? 0n : nanoseconds / 1_000_000n);
}

let work: string;
let root: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "sluice-images-"));
  root = join(work, "root");
});
afterAll(async () => {
  await sluice(["daemon", "stop", "--root", root]);
  await rm(work, { recursive: true, force: true });
});

async function copyOf(layout: string, name: string): Promise<string> {
  const copy = join(work, `${name}.layout`);
  await cp(layout, copy, { recursive: true, force: false });
  return copy;
}

interface Listings {
  readonly whole: string;
  readonly sampled: string;
}

/** Unpacked on tmpfs, which keeps every attribute and any size of xattr; sparse, so that a large file of zeros costs nothing. */
async function independentListings(layout: string, tag: string, name: string, oneOf: number): Promise<Listings> {
  const dir = join(work, `${name}.unpacked`);
  const listings = { whole: join(work, `${name}.expected`), sampled: join(work, `${name}.sampled`) };
  await mkdir(dir);
  await run("mount", ["-t", "tmpfs", "-o", "size=8g", "tmpfs", dir]);
  try {
    await unpackImage(layout, tag, join(dir, "tree"));
    await listTree(join(dir, "tree"), listings.whole);
    await listTree(join(dir, "tree"), listings.sampled, oneOf);
  } finally {
    await run("umount", [dir]);
  }
  return listings;
}

async function whileMounted(
  reference: string,
  driver: string,
  name: string,
  use: (point: string) => Promise<void>,
): Promise<void> {
  const point = join(work, name);
  await mkdir(point);
  const mounted = await sluiceJson(["mount", reference, point, "--driver", driver, "--root", root]);
  expect(mounted).toMatchObject({ mountpoint: point, driver });
  try {
    await use(point);
  } finally {
    await sluiceJson(["umount", point, "--root", root]);
  }
}

async function listingOfMount(reference: string, driver: string, name: string, oneOf = 1): Promise<string> {
  const listing = join(work, `${name}.${driver}.listing`);
  await whileMounted(reference, driver, `${name}.${driver}`, (point) => listTree(point, listing, oneOf));
  return listing;
}

/** What fsck.erofs says of the disk that is mounted there: the file that the daemon shows, or the loop device over it. */
async function fsckOf(point: string): Promise<string> {
  const { stdout: source } = await run("findmnt", ["-n", "-o", "SOURCE", point]);
  const { stdout, stderr } = await run("fsck.erofs", ["-d3", source.trim()], { maxBuffer: 256e6 });
  return stdout + stderr;
}

function suite(name: string, tag: string, layoutOf: () => Promise<string>): void {
  describe.skipIf(whyNoImages !== "")(`the image ${name} ${whyNoImages}`, () => {
    let reference: string;
    let expected: Listings;
    const oneOf = largeTrees.includes(name) ? 16 : 1;
    beforeAll(async () => {
      const original = await layoutOf();
      const layout = await copyOf(original, name);
      reference = `oci:${layout}:${tag}`;
      const [converted, listing] = await Promise.all([
        sluiceJson(["convert", reference, "--root", root]),
        independentListings(original, tag, name, oneOf),
      ]);
      expect(converted).toHaveProperty("artifact.artifactType", "application/vnd.sluice.image.v1");
      expected = listing;
    });

    it.concurrent("mounted by the kernel's EROFS, equals an independent unpack in every path and attribute", async () => {
      const { compared, differences } = await compareTrees(
        expected.whole,
        await listingOfMount(reference, "erofs", name),
      );
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(0);
    });

    it.concurrent("has a disk in which fsck.erofs finds no errors", async () => {
      await whileMounted(reference, "erofs", `${name}.fsck`, async (point) => {
        expect(await fsckOf(point)).toMatch(/No errors found/);
      });
    });

    it.concurrent(`mounted by fuse-native, equals it too, times to the millisecond${oneOf > 1 ? `, in every name and in one of ${oneOf} of its files` : ""}`, async () => {
      const actual = await listingOfMount(reference, "fuse-native", name, oneOf);
      const { differences } = await compareTrees(expected.sampled, actual, millisecondTimes);
      expect(differences).toEqual([]);
    });

    it.concurrent("gives back every layer's tar byte for byte", async () => {
      const verified = await sluiceJson(["verify", reference, "--root", root]);
      expect(verified).toMatchObject({ ok: true, problems: [] });
    });
  });
}

for (const name of realImages) suite(name, "latest", () => realImage(name));
for (const tag of nastyTags) suite(tag, tag, nastyImages);
