import { blobKind, encodeToc, type Toc } from "@sluice/disk";
import { startupTable } from "@sluice/disk/testing";
import {
  createImageIndex,
  createImageManifest,
  type Descriptor,
  descriptorOfManifest,
  emptyBlob,
  emptyDescriptor,
  type ImageManifest,
  ociMediaTypes,
  type Repository,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";

/** An image of one layer with a streaming artifact, in a repository, to be changed before it is pushed. */
export interface SampleImage {
  readonly source: ImageManifest;
  /** Layers, annotations and so on of the artifact's manifest. */
  readonly artifact: Parameters<typeof createImageManifest>[0];
  readonly toc: Toc;
}

export interface SampleOptions {
  readonly architecture?: string;
  /** Tags an index with a child of another platform as well. */
  readonly asIndex?: boolean;
  readonly change?: (sample: SampleImage) => Partial<SampleImage>;
}

const push = async (repository: Repository, mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
  const blob = { digest: sha256Of(bytes), size: bytes.byteLength };
  await repository.pushBlob(blob, async function* () {
    yield bytes;
  });
  return { mediaType, ...blob };
};

const withFooter = (blob: Descriptor, more: Record<string, string> = {}): Descriptor => ({
  ...blob,
  annotations: { "dev.sluice.footer.digest": sha256Of("footer"), ...more },
});

/** Pushes the source image alone, as tag `tag`. */
export async function pushSource(
  repository: Repository,
  tag: string,
  options: SampleOptions = {},
): Promise<ImageManifest> {
  const layer = Buffer.from(`layer of ${tag}`);
  const config = Buffer.from(
    JSON.stringify({
      os: "linux",
      architecture: options.architecture ?? "amd64",
      config: { Cmd: ["/bin/true"] },
      rootfs: { type: "layers", diff_ids: [sha256Of(layer)] },
    }),
  );
  const source = createImageManifest({
    config: await push(repository, ociMediaTypes.config, config),
    layers: [await push(repository, ociMediaTypes.layer, layer)],
  });
  await repository.pushManifest(source, options.asIndex ? {} : { tag });
  if (options.asIndex) {
    const child = { ...descriptorOfManifest(source), platform: { os: "linux", architecture: "amd64" } };
    const other = { ...child, digest: sha256Of("arm"), platform: { os: "linux", architecture: "arm64" } };
    await repository.pushManifest(createImageIndex([other, child]), { tag });
  }
  return source;
}

/** Pushes an artifact for `source`. `startup` adds a startup blob. @returns its manifest */
export async function pushArtifact(
  repository: Repository,
  source: ImageManifest,
  change: SampleOptions["change"] = () => ({}),
  startup = false,
): Promise<ImageManifest> {
  const metadata = await push(repository, sluiceMediaTypes.metadata, Buffer.from(`metadata of ${source.digest}`));
  const layer = await push(repository, sluiceMediaTypes.layer, Buffer.from(`converted ${source.digest}`));
  const stream = await push(repository, sluiceMediaTypes.startup, Buffer.from(`startup of ${source.digest}`));
  const original = source.layers[0];
  const sample = { source, toc: tocOf(source, metadata) };
  const layers = (toc: Descriptor): Descriptor[] => [
    toc,
    withFooter(metadata),
    ...(startup ? [withFooter(stream)] : []),
    withFooter(layer, {
      "dev.sluice.layer.source": original?.digest ?? "",
      "dev.sluice.layer.diff-id": original?.digest ?? "", // the layer is not compressed
      "dev.sluice.uncompressed.size": `${original?.size ?? 0}`,
    }),
  ];
  const artifact = {
    artifactType: sluiceMediaTypes.artifact,
    config: emptyDescriptor,
    layers: layers(emptyDescriptor),
    subject: descriptorOfManifest(source),
    annotations: { "dev.sluice.format.version": "1" },
  };
  const changed = { ...sample, artifact, ...change({ ...sample, artifact }) };
  const toc = await push(repository, sluiceMediaTypes.toc, encodeToc(changed.toc));
  const [first, ...rest] = changed.artifact.layers;
  await push(repository, emptyDescriptor.mediaType, emptyBlob);
  const manifest = createImageManifest({
    ...changed.artifact,
    layers: first === emptyDescriptor ? [toc, ...rest] : changed.artifact.layers,
  });
  await repository.pushManifest(manifest);
  return manifest;
}

/** A disk of one block, in one chunk of the metadata blob. */
function tocOf(source: ImageManifest, metadata: Descriptor): Toc {
  return {
    diskBlocks: 1,
    source: source.digest,
    blobs: [{ kind: blobKind.metadata, digest: metadata.digest, sizeBytes: metadata.size }],
    regions: [{ startBlock: 0, blocks: 1, blob: 0, firstChunk: 0, chunkCount: 1 }],
    chunks: {
      count: 1,
      startBlock: Uint32Array.of(0),
      blocks: Uint32Array.of(1),
      blob: Uint16Array.of(0),
      offset: Float64Array.of(0),
      compressedSize: Uint32Array.of(10),
      sha256: new Uint8Array(32).fill(7),
    },
    startup: startupTable([]),
  };
}
