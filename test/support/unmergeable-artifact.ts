import {
  blobKind,
  decodeToc,
  encodeBlobTail,
  encodeLayerIndex,
  encodeToc,
  footerDigest,
  footerOf,
  payloadOf,
  SeekTableBuilder,
} from "@sluice/disk";
import { layerOf } from "@sluice/disk/testing";
import { createImageManifest, type ImageManifest, type Repository } from "@sluice/oci";
import { pushBlob, wholeBlob } from "./whole-blobs.js";

/**
 * Pushes a copy of an artifact of which every digest is right, and whose lowest layer says something else than the image: a hard link to a file that is nowhere. The metadata
 * knows nothing of it, so the disk mounts; only who merges the layers finds out.
 *
 * @param plain of an image of two layers, the lowest without data
 */
export async function pushUnmergeableArtifact(repository: Repository, plain: ImageManifest): Promise<ImageManifest> {
  const [tocLayer, ...others] = plain.layers;
  const lowest = others.findIndex(({ mediaType }) => mediaType.includes(".layer."));
  const layer = others[lowest];
  if (!tocLayer || !layer || !plain.config || !plain.subject) throw new Error("no artifact");
  const { bytes, footer } = await unmergeableBlob();
  const blob = await pushBlob(repository, layer.mediaType, bytes);
  others[lowest] = { ...blob, annotations: { ...layer.annotations, "dev.sluice.footer.digest": footer } };
  const toc = decodeToc(await wholeBlob(repository, tocLayer));
  const blobs = toc.blobs.map((one) =>
    one.digest === layer.digest ? { ...one, digest: blob.digest, sizeBytes: blob.size } : one,
  );
  const tocBytes = encodeToc({ ...toc, blobs });
  const { artifactType, config, subject, annotations } = plain;
  const newToc = { ...(await pushBlob(repository, tocLayer.mediaType, tocBytes)), data: tocBytes };
  const manifest = createImageManifest({ artifactType, config, subject, annotations, layers: [newToc, ...others] });
  await repository.pushManifest(manifest);
  return manifest;
}

async function unmergeableBlob(): Promise<{ readonly bytes: Buffer; readonly footer: string }> {
  const entries = layerOf([{ path: "link", type: "hardLink", target: "nothing" }]);
  const tail = {
    ...{ kind: blobKind.layer, framesEnd: 0, dataBlocks: 0, seekTable: new SeekTableBuilder().finish() },
    ...{ index: payloadOf(encodeLayerIndex(entries)), recipe: payloadOf(Buffer.of(1)) },
  };
  const pieces: Uint8Array[] = [];
  for await (const piece of encodeBlobTail(tail)) pieces.push(piece.slice());
  return { bytes: Buffer.concat(pieces), footer: footerDigest(footerOf(tail)) };
}
