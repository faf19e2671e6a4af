import { type Artifact, findArtifact, InvalidArtifactError } from "@sluice/disk/artifact";
import { type AbortOptions, InvalidDocumentError, isNotFound } from "@sluice/oci";
import type { ImageReader } from "../source/image-reader.js";
import type { SourceImage } from "../source/select-image.js";

/** What is attached to an image: the artifact that nodes choose, or why there is none among those that are there. */
export interface Attached {
  readonly artifact: Artifact | undefined;
  /** What is wrong with the first one that nodes pass over. */
  readonly problem: string | undefined;
}

/** Chooses as a node does. Rejects when a candidate could not be read and no other one is good. */
export async function findAttached(
  repository: ImageReader,
  { manifest, config }: SourceImage,
  options?: AbortOptions,
): Promise<Attached> {
  const source = { manifest, diffIds: config.diffIds };
  const { artifact, rejections } = await findArtifact(repository, source, { signal: options?.signal });
  if (artifact !== undefined) return { artifact, problem: undefined };
  for (const reason of rejections) if (!isFaultOfArtifact(reason)) throw reason;
  const [first] = rejections;
  return { artifact, problem: first instanceof Error ? first.message : undefined };
}

const isFaultOfArtifact = (reason: unknown): boolean =>
  reason instanceof InvalidArtifactError || reason instanceof InvalidDocumentError || isNotFound(reason);
