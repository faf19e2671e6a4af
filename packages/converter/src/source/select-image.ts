import {
  type AbortOptions,
  compressionOfLayer,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  isImageIndexType,
  isNotFound,
  type Manifest,
  sluiceMediaTypes,
  UnsupportedMediaTypeError,
} from "@sluice/oci";
import { ConversionError } from "../conversion-error.js";
import type { ImageReader } from "./image-reader.js";
import { isImageConfigType, readImageConfig } from "./read-image-config.js";

/** The only platform that is converted. AS36 */
export const supportedPlatform = "linux/amd64";

/** An image that can be converted, and its config. */
export interface SourceImage {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** Indexes in indexes are followed so far. */
const maxDepth = 3;
/** Entries of an index without a platform whose configs are read to find out. */
const maxUnnamed = 16;
/** Manifests that are read for one selection, over all levels. Real indexes need one or two. */
const maxManifestsRead = 64;

/** What one selection may still read. */
interface Budget {
  manifests: number;
}

/**
 * The image that `target`, a tag or digest, names: an index gives its linux/amd64 child. Everything that would make the conversion
 * fail for what the image is, and not for what its bytes are, is found here, before anything is converted.
 *
 * @param image how the user named it, for messages
 * @throws {ConversionError}
 */
export async function selectImage(
  repository: ImageReader,
  target: string,
  image: string,
  options?: AbortOptions,
): Promise<SourceImage> {
  const manifest = await getManifest(repository, target, image, options);
  if (manifest.kind === "image") return checked(repository, manifest, image, options);
  const found = await amd64Child(repository, manifest, image, maxDepth, { manifests: maxManifestsRead }, options);
  if (found !== undefined) return checked(repository, found, image, options);
  const platforms = manifest.manifests.map(({ platform }) =>
    platform ? `${platform.os}/${platform.architecture}` : "?",
  );
  throw new ConversionError(
    "NO_SUPPORTED_PLATFORM_FOUND",
    image,
    `its index has no ${supportedPlatform} image, only ${[...new Set(platforms)].join(", ") || "nothing"}`,
  );
}

async function getManifest(
  repository: ImageReader,
  target: string,
  image: string,
  options?: AbortOptions,
): Promise<Manifest> {
  try {
    return await repository.getManifest(target, options);
  } catch (error) {
    if (isNotFound(error)) {
      throw new ConversionError("RESOURCE_NOT_FOUND", image, "it is not there", { cause: error });
    }
    if (error instanceof UnsupportedMediaTypeError) {
      throw new ConversionError("UNSUPPORTED_MEDIATYPE", image, error.message, { cause: error });
    }
    throw error;
  }
}

/** Depth first, named platforms before nameless ones; an entry without variant before one with. */
async function amd64Child(
  repository: ImageReader,
  index: ImageIndex,
  image: string,
  depth: number,
  budget: Budget,
  options?: AbortOptions,
): Promise<ImageManifest | undefined> {
  const named = index.manifests.filter(isAmd64).sort((a, b) => variantRank(a) - variantRank(b));
  const unnamed = index.manifests.filter(({ platform }) => platform === undefined).slice(0, maxUnnamed);
  for (const descriptor of [...named, ...unnamed]) {
    if (isImageIndexType(descriptor.mediaType) && depth === 0) continue;
    if (budget.manifests-- === 0) throw tooManyManifests(image);
    const child = await getManifest(repository, descriptor.digest, image, options);
    const found =
      child.kind === "index"
        ? await amd64Child(repository, child, image, depth - 1, budget, options)
        : await ifAmd64(repository, descriptor, child, options);
    if (found !== undefined) return found;
  }
  return undefined;
}

const tooManyManifests = (image: string): ConversionError =>
  new ConversionError(
    "NO_SUPPORTED_PLATFORM_FOUND",
    image,
    `${maxManifestsRead} manifests of its index were read and none is for ${supportedPlatform}; convert the wanted one by its digest`,
  );

const isAmd64 = ({ platform }: Descriptor): boolean => platform?.os === "linux" && platform.architecture === "amd64";
const variantRank = ({ platform }: Descriptor): number => (platform?.variant ? 1 : 0);

async function ifAmd64(
  repository: ImageReader,
  descriptor: Descriptor,
  manifest: ImageManifest,
  options?: AbortOptions,
): Promise<ImageManifest | undefined> {
  if (descriptor.platform !== undefined) return manifest;
  if (!isImageConfigType(manifest.config?.mediaType)) return undefined;
  const { os, architecture } = await readImageConfig(repository, manifest, options);
  return `${os}/${architecture}` === supportedPlatform ? manifest : undefined;
}

async function checked(
  repository: ImageReader,
  manifest: ImageManifest,
  image: string,
  options?: AbortOptions,
): Promise<SourceImage> {
  checkKind(manifest, image);
  const config = await readImageConfig(repository, manifest, options);
  const platform = `${config.os || "?"}/${config.architecture || "?"}`;
  if (platform !== supportedPlatform) {
    throw new ConversionError(
      "UNSUPPORTED_PLATFORM",
      image,
      `it is for ${platform}; only ${supportedPlatform} is supported`,
    );
  }
  const { layers } = manifest;
  if (layers.length === 0 || layers.length !== config.diffIds.length) {
    const problem = `${layers.length} layers and ${config.diffIds.length} DiffIDs in its config: nothing that can run`;
    throw new ConversionError("IMAGE_NOT_RUNNABLE", image, problem);
  }
  for (const layer of layers) checkLayer(layer, image);
  return { manifest, config };
}

function checkKind({ artifactType, config }: ImageManifest, image: string): void {
  if (artifactType === sluiceMediaTypes.artifact) {
    throw new ConversionError(
      "UNSUPPORTED_ARTIFACT_TYPE",
      image,
      "it is a streaming artifact; convert the image it belongs to",
    );
  }
  if (isImageConfigType(config?.mediaType)) return;
  if (artifactType) {
    throw new ConversionError(
      "UNSUPPORTED_ARTIFACT_TYPE",
      image,
      `it is an artifact of type ${artifactType}, not an image`,
    );
  }
  const problem = `its config is ${config?.mediaType ?? "missing"}, not an image's: nothing that can run`;
  throw new ConversionError("IMAGE_NOT_RUNNABLE", image, problem);
}

function checkLayer(layer: Descriptor, image: string): void {
  try {
    compressionOfLayer(layer.mediaType, `layer ${layer.digest}`);
  } catch (error) {
    if (!(error instanceof UnsupportedMediaTypeError)) throw error;
    throw new ConversionError("UNSUPPORTED_MEDIATYPE", image, error.message, { cause: error });
  }
}
