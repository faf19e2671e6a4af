import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { createImageManifest, type ImageManifest, ociMediaTypes, type Repository, sha256Of } from "@sluice/oci";
import { type Header, pack } from "tar-stream";
import { pushBlob } from "./whole-blobs.js";

const run = promisify(execFile);

/** One entry of a layer; a file when it has content. */
export interface SmallEntry extends Partial<Omit<Header, "size">> {
  readonly name: string;
  readonly content?: string | Uint8Array | undefined;
}

export interface SmallImage {
  /** Lowest first. */
  readonly layers: readonly (readonly SmallEntry[])[];
  /** Layers on top of these, as tar archives. */
  readonly tars?: readonly Buffer[] | undefined;
  /** `config` of the image configuration: Cmd, Env, User and so on. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly architecture?: string | undefined;
}

/** Pushes an image of plain tar layers and tags it. */
export async function pushSmallImage(repository: Repository, tag: string, image: SmallImage): Promise<ImageManifest> {
  const tars = [...(await Promise.all(image.layers.map(tarOf))), ...(image.tars ?? [])];
  const layers = await Promise.all(tars.map((tar) => pushBlob(repository, ociMediaTypes.layer, tar)));
  const config = Buffer.from(
    JSON.stringify({
      architecture: image.architecture ?? "amd64",
      os: "linux",
      config: image.config ?? {},
      rootfs: { type: "layers", diff_ids: tars.map((tar) => sha256Of(tar)) },
    }),
  );
  const manifest = createImageManifest({ config: await pushBlob(repository, ociMediaTypes.config, config), layers });
  await repository.pushManifest(manifest, { tag });
  return manifest;
}

/** A layer. */
export async function tarOf(entries: readonly SmallEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) {
    if (content === undefined) tar.entry(header);
    else tar.entry(header, Buffer.from(content));
  }
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Programs of this machine with the libraries they are linked to, as entries of a layer: enough for a container to run them. */
export async function programEntries(...paths: readonly string[]): Promise<SmallEntry[]> {
  const files = new Set<string>(paths);
  for (const path of paths) {
    const { stdout } = await run("ldd", [path]);
    for (const [library] of stdout.matchAll(/\/\S+/g)) files.add(library);
  }
  const entries = [...files].map(async (path): Promise<SmallEntry> => {
    return { name: path.slice(1), mode: 0o755, content: await readFile(path) };
  });
  return await Promise.all(entries);
}
