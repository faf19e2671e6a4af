import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { missingPrograms } from "@sluice/oci/testing";

const run = promisify(execFile);
const fixtures = new URL("../fixtures/", import.meta.url).pathname;

/** Why the images of this file cannot be built here; empty when they can. */
export const whyNoImages: string = missingPrograms({
  mmdebstrap: "mmdebstrap",
  umoci: "umoci",
  getfattr: "attr",
  "fsck.erofs": "erofs-utils",
  npm: "npm",
  python3: "python3",
});

/** Images with a recipe in test/fixtures/build-images.sh. */
export type RealImage = "nginx" | "node" | "postgres" | "tomcat" | "python";

/**
 * The OCI layout of a real image, built once per recipe and kept for later runs in `SLUICE_FIXTURES`, else in the user's cache directory.
 * Building one takes half a minute to two minutes.
 */
export async function realImage(name: RealImage): Promise<string> {
  const dir = join(await cacheDir(), "images");
  // Who comes second finds what the first one built.
  await run("flock", [`${dir}.lock`, join(fixtures, "build-images.sh"), dir, name], { maxBuffer: 64e6 });
  return join(dir, name);
}

/** The OCI layout of the images of corner cases; see test/fixtures/nasty_image.py for its tags. */
export async function nastyImages(): Promise<string> {
  const layout = join(await cacheDir(), "nasty");
  if (await exists(join(layout, "index.json"))) return layout;
  const building = `${layout}.${process.pid}`;
  await rm(building, { recursive: true, force: true });
  await run("python3", [join(fixtures, "nasty_image.py"), building]);
  await rename(building, layout);
  return layout;
}

/** One directory per version of the recipes, so that a changed recipe builds anew. */
async function cacheDir(): Promise<string> {
  const base =
    process.env["SLUICE_FIXTURES"] ??
    join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sluice-fixtures");
  const hash = createHash("sha256");
  for (const name of [
    "build-images.sh",
    "nasty_image.py",
    ...(await readdir(join(fixtures, "apps"))).sort().map((app) => `apps/${app}`),
  ]) {
    hash.update(name).update(await readFile(join(fixtures, name)));
  }
  const dir = join(base, hash.digest("hex").slice(0, 16));
  await mkdir(dir, { recursive: true });
  return dir;
}

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
