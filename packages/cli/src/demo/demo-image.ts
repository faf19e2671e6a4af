import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import {
  type AbortOptions,
  createImageManifest,
  type Descriptor,
  type ImageManifest,
  ociMediaTypes,
  type Repository,
} from "@sluice/oci";
import tar from "tar-stream";
import { serverSource } from "./demo-server.js";

/** A file, directory or symlink of this machine and where it goes in the image; a string is a file's whole content. */
type Source = { readonly path: string } | { readonly content: string };
interface Placed {
  readonly to: string;
  readonly from: Source;
}

/** Packages this size are tools of the build, and nothing a server would carry. Bytes. */
const maxPackageBytes = 60_000_000;

/**
 * Makes an image out of what is on this machine and pushes it: the running Node with its libraries, the packages of this
 * workspace, and a small server that loads some of them. Three layers, gzip, linux/amd64. No download.
 */
export async function pushDemoImage(to: Repository, tag: string, options?: AbortOptions): Promise<ImageManifest> {
  const layers: { descriptor: Descriptor; diffId: string }[] = [];
  for (const placed of [await runtimeFiles(), await packageFiles(), applicationFiles()]) {
    layers.push(await pushLayer(to, placed, options));
  }
  const config = Buffer.from(
    JSON.stringify({
      os: "linux",
      architecture: "amd64",
      config: {
        Entrypoint: ["/usr/local/bin/node"],
        Cmd: ["/srv/app/server.js"],
        Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "NODE_ENV=production"],
        WorkingDir: "/srv/app",
      },
      rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    }),
  );
  const configBlob = await to.pushBlobStream(once(config), options);
  const manifest = createImageManifest({
    config: { mediaType: ociMediaTypes.config, digest: configBlob.digest, size: configBlob.size },
    layers: layers.map((layer) => layer.descriptor),
  });
  await to.pushManifest(manifest, { ...options, tag });
  return manifest;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function pushLayer(
  to: Repository,
  placed: AsyncIterable<Placed> | Iterable<Placed>,
  options?: AbortOptions,
): Promise<{ descriptor: Descriptor; diffId: string }> {
  const pack = tar.pack();
  const gzip = createGzip({ level: 6 });
  const hash = createHash("sha256");
  const packed = addAll(pack, placed).catch((error: unknown) => pack.destroy(asError(error)));
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of pack as AsyncIterable<Uint8Array>) {
      hash.update(piece); // a pack gives bytes
      yield piece;
    }
  };
  const zipped = pipeline(hashed, gzip);
  const [blob] = await Promise.all([to.pushBlobStream(gzip, options), zipped, packed]);
  return {
    descriptor: { mediaType: ociMediaTypes.layerGzip, digest: blob.digest, size: blob.size },
    diffId: `sha256:${hash.digest("hex")}`,
  };
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

async function addAll(pack: tar.Pack, placed: AsyncIterable<Placed> | Iterable<Placed>): Promise<void> {
  const made = new Set<string>();
  for await (const { from, to } of placed) {
    for (const parent of parentsOf(to)) {
      if (!made.has(parent)) pack.entry({ name: parent, type: "directory", mode: 0o755, mtime: epoch });
      made.add(parent);
    }
    if ("content" in from) pack.entry({ name: to, mode: 0o644, mtime: epoch }, from.content);
    else await addPath(pack, from.path, to);
  }
  pack.finalize();
}

const epoch = new Date(0);

function* parentsOf(path: string): Generator<string> {
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) yield path.slice(0, at);
}

async function addPath(pack: tar.Pack, path: string, name: string): Promise<void> {
  const info = await lstat(path);
  const base = { name, mode: info.mode & 0o7777, mtime: new Date(Math.floor(info.mtimeMs / 1000) * 1000) };
  if (info.isDirectory()) {
    pack.entry({ ...base, type: "directory" });
    for (const child of (await readdir(path)).sort()) await addPath(pack, join(path, child), `${name}/${child}`);
  } else if (info.isSymbolicLink()) {
    pack.entry({ ...base, type: "symlink", linkname: await readlink(path) });
  } else if (info.isFile()) {
    await pipeline(createReadStream(path), pack.entry({ ...base, size: info.size }));
  }
}

/** Node, what its loader needs, and the least of /etc. */
async function runtimeFiles(): Promise<Placed[]> {
  const { stdout } = await promisify(execFile)("ldd", [process.execPath]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
  const files = [
    { to: "etc/passwd", from: { content: "root:x:0:0:root:/root:/bin/sh\n" } },
    { to: "usr/local/bin/node", from: { path: await realpath(process.execPath) } },
  ];
  for (const library of libraries) files.push({ to: library.slice(1), from: { path: await realpath(library) } });
  return files;
}

/** The virtual store of pnpm as it stands: real directories and the symlinks between them. */
async function* packageFiles(): AsyncGenerator<Placed> {
  const store = virtualStore();
  for (const name of (await readdir(store)).sort()) {
    const path = join(store, name);
    if (!(await lstat(path)).isDirectory() || (await sizeOf(path)) > maxPackageBytes) continue;
    yield { to: `srv/app/node_modules/.pnpm/${name}`, from: { path } };
  }
}

/** @throws {Error} when this is not a checkout that pnpm installed */
function virtualStore(): string {
  const marker = `${join("node_modules", ".pnpm")}/`;
  const path = createRequire(import.meta.url).resolve("commander");
  const at = path.indexOf(marker);
  if (at < 0)
    throw new Error("demo: the packages of this program were not installed by pnpm; run it from a checkout of sluice");
  return path.slice(0, at + marker.length - 1);
}

async function sizeOf(path: string): Promise<number> {
  const info = await lstat(path);
  if (!info.isDirectory()) return info.size;
  let size = 0;
  for (const child of await readdir(path)) size += await sizeOf(join(path, child));
  return size;
}

function applicationFiles(): Placed[] {
  return [{ to: "srv/app/server.js", from: { content: serverSource } }];
}
