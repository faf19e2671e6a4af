import {
  type AbortOptions,
  type Digest,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  InvalidDocumentError,
  maxImageConfigBytes,
  parseImageConfig,
  type Repository,
  sluiceMediaTypes,
} from "@sluice/oci";
import { NotStreamableError } from "./not-streamable.js";
import { readSmallBlob } from "./small-blob.js";

const platform = { os: "linux", architecture: "amd64" } as const;

/**
 * The manifest of a tag or digest, as the registry has it now; of an index, its linux/amd64 child (the first, as container engines choose).
 *
 * @param before what it named earlier: a child that is that image is not asked for
 * @throws {NotStreamableError}
 */
export async function findSourceManifest(
  repository: Repository,
  target: string,
  before: Promise<{ readonly source: ImageManifest } | undefined>,
  options?: AbortOptions,
): Promise<ImageManifest> {
  const manifest = await repository.getManifest(target, options);
  const known = (await before)?.source;
  const image = manifest.kind === "image" ? manifest : await getChild(repository, manifest, known, options);
  if (image.artifactType === sluiceMediaTypes.artifact) {
    throw new NotStreamableError(
      "UNSUPPORTED_ARTIFACT_TYPE",
      `${repository.name}@${image.digest} is a streaming artifact`,
    );
  }
  return image;
}

async function getChild(
  repository: Repository,
  index: ImageIndex,
  known: ImageManifest | undefined,
  options?: AbortOptions,
): Promise<ImageManifest> {
  const what = `${repository.name}@${index.digest}`;
  const child = index.manifests.find(
    (entry) => entry.platform?.os === platform.os && entry.platform.architecture === platform.architecture,
  );
  if (!child) {
    const found = index.manifests.map((entry) => `${entry.platform?.os}/${entry.platform?.architecture}`);
    throw new NotStreamableError(
      "NO_SUPPORTED_PLATFORM_FOUND",
      `${what}: no linux/amd64 image in the index, only ${[...new Set(found)].slice(0, 10).join(", ") || "nothing"}`,
    );
  }
  if (child.digest === known?.digest) return known;
  const manifest = await repository.getManifest(child.digest, options);
  if (manifest.kind === "image") return manifest;
  throw new NotStreamableError(
    "UNSUPPORTED_MEDIATYPE",
    `${what}: its linux/amd64 child ${child.digest} is an index again`,
  );
}

/** The image's config: what to run, and proof of the platform. @throws {NotStreamableError} */
export async function readSourceConfig(
  repository: Repository,
  manifest: ImageManifest,
  options?: AbortOptions,
): Promise<{ config: ImageConfig; configBytes: Uint8Array }> {
  const what = `config of ${repository.name}@${manifest.digest}`;
  if (!manifest.config) throw new NotStreamableError("IMAGE_NOT_RUNNABLE", `${what}: the manifest names none`);
  const configBytes = await readSmallBlob(repository, manifest.config, maxImageConfigBytes, what, options);
  const config = parseConfig(configBytes, what);
  checkPlatform(config, repository.name, manifest.digest);
  return { config, configBytes };
}

function parseConfig(bytes: Uint8Array, what: string): ImageConfig {
  try {
    return parseImageConfig(bytes, what);
  } catch (error) {
    if (!(error instanceof InvalidDocumentError)) throw error;
    throw new NotStreamableError("IMAGE_NOT_RUNNABLE", error.message, { cause: error });
  }
}

function checkPlatform(config: ImageConfig, repository: string, digest: Digest): void {
  if (config.os === platform.os && config.architecture === platform.architecture) return;
  throw new NotStreamableError(
    "UNSUPPORTED_PLATFORM",
    `${repository}@${digest} is for ${config.os || "unknown"}/${config.architecture || "unknown"}`,
  );
}
