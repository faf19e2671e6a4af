import {
  type BlobFooter,
  decodeLayerIndex,
  decodeToc,
  InvalidFormatError,
  type LayerIndex,
  maxLayerIndexBytes,
  maxTocBytes,
  type RemoteBlob,
  readFooter,
  readSeekTable,
  readWholeSection,
  type SeekTable,
  type Toc,
} from "@sluice/disk";
import type { Artifact, ArtifactBlob } from "@sluice/disk/artifact";
import type { AbortOptions, Repository } from "@sluice/oci";
import { ConversionError } from "../conversion-error.js";
import { findAttached } from "../publish/find-artifact.js";
import type { ImagePlace } from "../source/image-place.js";
import { readWholeBlob } from "../source/read-image-config.js";
import { remoteBlob } from "../source/remote-blob.js";
import { type SourceImage, selectImage } from "../source/select-image.js";

/** An image with its artifact. */
export interface ConvertedImage {
  readonly image: SourceImage;
  readonly artifact: Artifact;
}

/** @throws {ConversionError} when the image or its artifact is not there */
export async function findConverted(place: ImagePlace, options?: AbortOptions): Promise<ConvertedImage> {
  const image = await selectImage(place.repository, place.target, place.reference, options);
  const { artifact, problem } = await findAttached(place.repository, image, options);
  if (artifact === undefined) {
    const what =
      problem === undefined ? "it has no streaming artifact" : `no streaming artifact of it is valid: ${problem}`;
    throw new ConversionError("RESOURCE_NOT_FOUND", place.reference, `${what}; convert it first`);
  }
  return { image, artifact };
}

/** @throws {InvalidFormatError} {DigestMismatchError} */
export async function readToc(repository: Repository, artifact: Artifact, options?: AbortOptions): Promise<Toc> {
  const bytes = await readWholeBlob(repository, artifact.toc, maxTocBytes, `TOC of ${artifact.digest}`, options);
  return decodeToc(bytes, { digest: artifact.toc.digest, source: artifact.subject });
}

/** A blob of chunks with the sections that describe it, each proven by the artifact's manifest. */
export interface OpenedBlob {
  readonly remote: RemoteBlob;
  readonly footer: BlobFooter;
  readonly seekTable: SeekTable;
}

/** @throws {InvalidFormatError} {DigestMismatchError} */
export async function openBlob(
  repository: Repository,
  blob: ArtifactBlob,
  options?: AbortOptions,
): Promise<OpenedBlob> {
  return openedBlob(remoteBlob(repository, { digest: blob.digest, size: blob.sizeBytes }), blob, options);
}

/** As {@link openBlob}, wherever the bytes are. @throws {InvalidFormatError} {DigestMismatchError} */
export async function openedBlob(
  remote: RemoteBlob,
  { footerDigest }: Pick<ArtifactBlob, "footerDigest">,
  options?: AbortOptions,
): Promise<OpenedBlob> {
  const footer = await readFooter(remote, footerDigest, options);
  return { remote, footer, seekTable: await readSeekTable(remote, footer, options) };
}

/** @throws {InvalidFormatError} {DigestMismatchError} */
export async function readIndex({ remote, footer }: OpenedBlob, options?: AbortOptions): Promise<LayerIndex> {
  if (footer.index === undefined)
    throw new InvalidFormatError("footer", "layer index", "one, as in every layer", "none");
  return decodeLayerIndex(await readWholeSection(remote, footer.index, "layer index", maxLayerIndexBytes, options));
}
