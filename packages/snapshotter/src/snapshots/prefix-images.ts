import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  type BlobFooter,
  blobKind,
  DiskRegions,
  decodeLayerIndex,
  encodeBlobTail,
  encodeToc,
  footerDigest,
  footerOf,
  InvalidFormatError,
  type LayerIndex,
  maxLayerIndexBytes,
  mergeLayers,
  planErofs,
  type RemoteBlob,
  readFooter,
  readSeekTable,
  readWholeSection,
  type SeekTable,
  SeekTableBuilder,
  TocBuilder,
  writeErofs,
} from "@sluice/disk";
import {
  type ArtifactBlob,
  type ArtifactLayer,
  annotation,
  artifactFormatVersion,
  parseArtifact,
} from "@sluice/disk/artifact";
import { blockSizeBytes, compressFrameInto, metadataChunkBlocks } from "@sluice/disk/chunks";
import {
  type AbortOptions,
  createImageManifest,
  type Descriptor,
  type Digest,
  descriptorOfManifest,
  emptyDescriptor,
  formatReference,
  ociMediaTypes,
  parseDigest,
  parseImageConfig,
  parseReference,
  type Repository,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import type { ImageAddress } from "../control/api.js";
import type { DiskStore, StoredDisk } from "../disks/disk-store.js";
import { decodeTocOf } from "../resolve/resolve-image.js";
import type { NodePaths } from "../state/node-paths.js";
import { folderOf } from "../state/node-paths.js";
import { readFileIfPresent, writeWholeFile } from "../state/whole-file.js";

export interface PrefixImagesParts {
  readonly paths: NodePaths;
  readonly diskStore: DiskStore;
  readonly openRepository: (address: ImageAddress) => Repository;
}

interface ReadLayer {
  readonly layer: ArtifactLayer;
  readonly index: LayerIndex;
  readonly table: SeekTable;
}

/** Room for the frame of any chunk of metadata, whatever zstd makes of it. Bytes. */
const frameRoomBytes = metadataChunkBlocks * blockSizeBytes * 2;

/**
 * The lowest layers of a streamed image, as an image of their own: another image is built on them. Merged here from the indexes in the layer blobs; only its metadata is new, and is kept
 * in a layout below the data root.
 */
export class PrefixImages {
  readonly #parts: PrefixImagesParts;
  readonly #making = new Map<string, Promise<StoredDisk>>();

  constructor(parts: PrefixImagesParts) {
    this.#parts = parts;
  }

  async find(stored: StoredDisk, count: number, options?: AbortOptions): Promise<StoredDisk> {
    const { digest } = stored.image.artifact.manifest;
    const note = join(this.#parts.paths.prefixes, `${folderOf(digest)}-${count}`);
    const making = this.#making.get(note) ?? this.#find(stored, count, note).finally(() => this.#making.delete(note));
    this.#making.set(note, making);
    const made = await making;
    options?.signal?.throwIfAborted();
    return made;
  }

  async #find(stored: StoredDisk, count: number, note: string): Promise<StoredDisk> {
    const { diskStore } = this.#parts;
    const known = (await readFileIfPresent(note, 100))?.toString("utf8");
    const kept = known === undefined ? undefined : await diskStore.loadUnlessDamaged(parseDigest(known, note));
    if (kept) return kept;
    const made = await this.#make(stored, count);
    await writeWholeFile(note, made.image.artifact.manifest.digest);
    return made;
  }

  async #make({ image, addresses }: StoredDisk, count: number): Promise<StoredDisk> {
    const { diskStore, openRepository, paths } = this.#parts;
    const [address] = addresses;
    if (!address) throw new Error(`${image.artifact.digest}: no registry is known to hold it`);
    const repository = openRepository(address);
    const layers = await Promise.all(
      image.artifact.layers.slice(0, count).map((layer) => readLayer(repository, layer)),
    );
    const diffIds = image.config.diffIds.slice(0, count);
    const { os, architecture } = image.config;
    const configBytes = Buffer.from(
      JSON.stringify({ os, architecture, rootfs: { type: "layers", diff_ids: diffIds } }),
    );
    const configBlob = { mediaType: ociMediaTypes.config, digest: sha256Of(configBytes), size: configBytes.length };
    const source = createImageManifest({ config: configBlob, layers: image.source.layers.slice(0, count) });

    const { bytes, blob, table } = await metadataOf(layers);
    const layout = { reference: `oci:${paths.prefixes}/layout` };
    await openRepository(layout).pushBlob({ digest: blob.digest, size: blob.sizeBytes }, async function* () {
      yield bytes;
    });
    const builder = new TocBuilder(source.digest, blob, table);
    for (const { layer, table: seekTable } of layers) builder.addLayer(layer, seekTable);
    const tocBytes = encodeToc(builder.build());
    const manifest = createImageManifest({
      artifactType: sluiceMediaTypes.artifact,
      config: emptyDescriptor,
      subject: descriptorOfManifest(source),
      layers: [
        { mediaType: sluiceMediaTypes.toc, digest: sha256Of(tocBytes), size: tocBytes.length },
        descriptorOf(sluiceMediaTypes.metadata, blob),
        ...layers.map(({ layer }) => descriptorOf(sluiceMediaTypes.layer, layer, layerAnnotations(layer))),
      ],
      annotations: { [annotation.formatVersion]: artifactFormatVersion },
    });
    const artifact = parseArtifact(manifest);
    const config = parseImageConfig(configBytes, "config of the lower layers");
    const prefix = { source, config, configBytes, artifact, tocBytes, toc: decodeTocOf(artifact, tocBytes) };
    await diskStore.save(prefix, ownAddress(address, source.digest));
    await diskStore.addAddress(prefix, layout); // asked first: it has the metadata, and is here
    return { image: prefix, addresses: [layout, ownAddress(address, source.digest)] };
  }
}

/** The same place under a name of its own: the name of the whole image must never lead to its lower layers. */
function ownAddress(address: ImageAddress, source: Digest): ImageAddress {
  const { tag: _, ...place } = parseReference(address.reference);
  return { ...address, reference: formatReference({ ...place, digest: source }) };
}

async function readLayer(repository: Repository, layer: ArtifactLayer): Promise<ReadLayer> {
  const remote: RemoteBlob = {
    sizeBytes: layer.sizeBytes,
    read: async (range) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of repository.readBlobRange(layer.digest, range)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
  };
  const footer: BlobFooter = await readFooter(remote, layer.footerDigest);
  if (!footer.index) throw new InvalidFormatError("footer", "layer index", "one, as in every layer", "none");
  const index = decodeLayerIndex(await readWholeSection(remote, footer.index, "layer index", maxLayerIndexBytes));
  return { layer, index, table: await readSeekTable(remote, footer) };
}

/** The metadata blob of the merged layers. docs/format.md §3 */
async function metadataOf(
  layers: readonly ReadLayer[],
): Promise<{ readonly bytes: Buffer; readonly blob: ArtifactBlob; readonly table: SeekTable }> {
  const plan = planErofs(mergeLayers(layers.map(({ index }) => index)));
  const regions = new DiskRegions();
  regions.place("metadata", plan.blocks);
  const layerStartBlocks = layers.map(({ layer, index }) => regions.place(layer.digest, index.dataBlocks));
  const metadata = Buffer.concat([...writeErofs(plan, { layerStartBlocks, diskBlocks: regions.diskBlocks })]);
  const rows = new SeekTableBuilder();
  const frames: Uint8Array[] = [];
  const target = new Uint8Array(frameRoomBytes);
  let framesEnd = 0;
  for (let at = 0; at < metadata.length; at += metadataChunkBlocks * blockSizeBytes) {
    const chunk = metadata.subarray(at, at + metadataChunkBlocks * blockSizeBytes);
    const frame = target.slice(0, compressFrameInto(chunk, target));
    rows.add(framesEnd, frame.length, chunk.length / blockSizeBytes, createHash("sha256").update(chunk).digest());
    frames.push(frame);
    framesEnd += frame.length;
  }
  const table = rows.finish();
  const tail = { kind: blobKind.metadata, framesEnd, dataBlocks: plan.blocks, seekTable: table };
  for await (const piece of encodeBlobTail(tail)) frames.push(piece);
  const bytes = Buffer.concat(frames);
  const blob = { digest: sha256Of(bytes), sizeBytes: bytes.length, footerDigest: footerDigest(footerOf(tail)) };
  return { bytes, blob, table };
}

const descriptorOf = (
  mediaType: string,
  { digest, sizeBytes, footerDigest: footer }: ArtifactBlob,
  annotations: Readonly<Record<string, string>> = {},
): Descriptor => ({
  mediaType,
  digest,
  size: sizeBytes,
  annotations: { [annotation.footerDigest]: footer, ...annotations },
});

const layerAnnotations = ({ source, diffId, uncompressedBytes }: ArtifactLayer): Record<string, string> => ({
  [annotation.layerSource]: source,
  [annotation.layerDiffId]: diffId,
  [annotation.uncompressedSize]: String(uncompressedBytes),
});
