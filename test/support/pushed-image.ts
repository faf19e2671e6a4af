import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import {
  createImageManifest,
  type Descriptor,
  dockerMediaTypes,
  type ImageManifest,
  ociMediaTypes,
  type Repository,
  sha256Of,
} from "@sluice/oci";
import { type Header, pack } from "tar-stream";

/** An entry of a test layer: a header of tar-stream and, for files, content. */
export type TestEntry = Pick<Header, "name"> & Partial<Header> & { readonly content?: string | Buffer };

/** A tar of these entries; times are 0 where none is given, so that equal entries give equal tars. */
export async function tarOf(entries: readonly TestEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry({ mtime: new Date(0), ...header }, content ?? "");
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** A file of bytes that do not compress. */
export const noiseFile = (name: string, sizeBytes: number): TestEntry => ({ name, content: randomBytes(sizeBytes) });

export interface PushImageOptions {
  readonly tag?: string;
  readonly os?: string;
  readonly architecture?: string;
  /** Says this of the layers instead of the truth. */
  readonly diffIds?: readonly string[];
  readonly docker?: boolean;
  readonly configMediaType?: string;
  readonly layerMediaType?: string;
  readonly artifactType?: string;
  /** Sends these bytes as layers instead of the gzipped tars. */
  readonly packed?: readonly Buffer[];
}

/** Pushes an image of these tars, lowest first. */
export async function pushImage(
  repository: Repository,
  tars: readonly Buffer[],
  options: PushImageOptions = {},
): Promise<ImageManifest> {
  const types = options.docker
    ? { config: dockerMediaTypes.config, layer: dockerMediaTypes.layerGzip }
    : { config: ociMediaTypes.config, layer: ociMediaTypes.layerGzip };
  const config = {
    os: options.os ?? "linux",
    architecture: options.architecture ?? "amd64",
    config: { Cmd: ["/bin/true"] },
    rootfs: { type: "layers", diff_ids: options.diffIds ?? tars.map((tar) => sha256Of(tar)) },
  };
  const packed = options.packed ?? tars.map((tar) => gzipSync(tar, { level: 1 }));
  const layers: Descriptor[] = [];
  for (const bytes of packed) layers.push(await push(repository, options.layerMediaType ?? types.layer, bytes));
  const manifest = createImageManifest({
    config: await push(repository, options.configMediaType ?? types.config, Buffer.from(JSON.stringify(config))),
    layers,
    ...(options.artifactType !== undefined && { artifactType: options.artifactType }),
  });
  await repository.pushManifest(manifest, { tag: options.tag });
  return manifest;
}

async function push(repository: Repository, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const descriptor = { mediaType, digest: sha256Of(bytes), size: bytes.length };
  await repository.pushBlob(descriptor, async function* () {
    yield bytes;
  });
  return descriptor;
}
