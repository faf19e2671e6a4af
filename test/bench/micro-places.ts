import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { TestRegistry } from "@sluice/oci/testing";
import { DaemonClient, NodePaths, Registries, unmount } from "@sluice/snapshotter";
import { realImage } from "../support/fixture-images.js";
import { sluiceJson } from "../support/sluice.js";
import { pushSmallImage } from "../support/small-image.js";
import { unpackImage } from "../support/tree.js";

const run = promisify(execFile);

/** One tree, and one large file, as one system shows them. */
export interface Place {
  readonly name: "sluice" | "ext4" | "overlay" | "erofs";
  readonly tree: string;
  readonly file: string;
  /** Files whose pages hide what lies below this place, beside those of {@link file}. */
  readonly between: readonly string[];
}

export interface Places extends AsyncDisposable {
  readonly all: readonly Place[];
  /** Of the tree, of any kind. */
  readonly entries: number;
  /** Regular ones of the tree. */
  readonly files: number;
}

/** What fio reads. Noise, so that nothing is won by compression. Bytes. */
const largeBytes = 256 * 2 ** 20;
const largeName = "large";

/**
 * The Node image and an image of one large file: mounted by sluice with everything in its store, unpacked on the disk of `work`, under an overlay on that, and as EROFS on a local
 * file made by mkfs.erofs.
 */
export async function makePlaces(work: string): Promise<Places> {
  const root = join(work, "root");
  const unpacked = join(work, "unpacked");
  const mounted: string[] = [];
  const registry = await TestRegistry.start();
  const dispose = async (): Promise<void> => {
    await sluiceJson(["daemon", "stop", "--detach", "--root", root]).catch(() => undefined); // none was started when it failed before
    for (const target of mounted.toReversed()) await unmount(target, { lazy: true });
    await registry[Symbol.asyncDispose]();
  };
  try {
    const layout = join(work, "layout");
    await cp(await realImage("node"), layout, { recursive: true });
    await unpackImage(layout, "latest", join(unpacked, "tree"));
    const content = randomBytes(largeBytes);
    await mkdir(join(unpacked, "file"));
    await writeFile(join(unpacked, "file", largeName), content);
    const image = `oci:${layout}:latest`;
    const large = await pushLarge(registry, content, join(work, "convert"));
    await sluiceJson(["convert", image, "--root", root]);
    const sluice = join(work, "sluice");
    for (const [name, reference] of Object.entries({ tree: image, file: large })) {
      await mkdir(join(sluice, name), { recursive: true });
      const mount = (): Promise<unknown> =>
        sluiceJson(["mount", reference, join(sluice, name), "--driver", "erofs", "--root", root]);
      await mount();
      await run("sh", ["-c", 'tar -C "$1" -c . | cat > /dev/null', "sh", join(sluice, name)]); // into the store
      await sluiceJson(["umount", join(sluice, name), "--root", root]);
      await mount(); // as a disk that is whole
    }
    for (const kind of ["overlay", "erofs"] as const) {
      for (const name of ["tree", "file"]) {
        const target = join(work, kind, name);
        await mkdir(target, { recursive: true });
        await mountKind[kind](join(unpacked, name), target, join(work, `${kind}-${name}`));
        mounted.push(target);
      }
    }
    const session = new NodePaths(root).session;
    const between = (await readdir(session)).map((name) => join(session, name));
    await new DaemonClient(new NodePaths(root).controlSocket).status(); // still serves
    const place = (name: Place["name"], folder: string, hidden: readonly string[] = []): Place => ({
      ...{ name, tree: join(folder, "tree"), file: join(folder, "file", largeName), between: hidden },
    });
    const all = [
      place("sluice", sluice, between),
      place("ext4", unpacked),
      place("overlay", join(work, "overlay")),
      place("erofs", join(work, "erofs")),
    ];
    const count = async (...tests: string[]): Promise<number> => {
      const found = await run("find", [join(sluice, "tree"), ...tests, "-printf", "."], { maxBuffer: 64e6 });
      return found.stdout.length;
    };
    return { all, entries: await count(), files: await count("-type", "f"), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

const mountKind = {
  overlay: async (lower: string, target: string, scratch: string): Promise<void> => {
    for (const name of ["upper", "work"]) await mkdir(join(scratch, name), { recursive: true });
    const options = `lowerdir=${lower},upperdir=${join(scratch, "upper")},workdir=${join(scratch, "work")}`;
    await run("mount", ["-t", "overlay", "-o", options, "overlay", target]);
  },
  erofs: async (tree: string, target: string, image: string): Promise<void> => {
    await run("mkfs.erofs", ["--quiet", image, tree], { maxBuffer: 64e6 });
    await run("mount", ["-t", "erofs", "-o", "loop,ro", image, target]);
  },
};

async function pushLarge(registry: TestRegistry, content: Buffer, scratch: string): Promise<string> {
  const reference = `${registry.host}/large:1`;
  const registries = new Registries();
  const repository = registries.open({ reference });
  await pushSmallImage(repository, "1", { layers: [[{ name: largeName, content }]] });
  await convertImage({ repository, target: "1", reference }, { root: scratch });
  await registries.close();
  return reference;
}
