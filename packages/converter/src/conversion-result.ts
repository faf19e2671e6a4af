import type { Artifact } from "@sluice/disk/artifact";
import { type Digest, sluiceMediaTypes } from "@sluice/oci";
import type { SourceImage } from "./source/select-image.js";

/** What `convert -o json` prints. Sizes in bytes. docs: the command line contract. */
export interface ConversionResult {
  readonly source: {
    readonly reference: string;
    /** Of the linux/amd64 image manifest, which the artifact belongs to. */
    readonly digest: Digest;
    /** Its layers as pulled, repeated ones once. */
    readonly sizeBytes: number;
  };
  readonly artifact: {
    readonly digest: Digest;
    readonly artifactType: string;
    /** Manifest and blobs. */
    readonly sizeBytes: number;
  };
  readonly layers: readonly ConvertedLayerResult[];
  /** Tars of all layers. */
  readonly uncompressedBytes: number;
  /** As `artifact.sizeBytes`. */
  readonly sizeBytes: number;
  readonly seconds: number;
  /** The image had its artifact before; nothing was done. */
  readonly alreadyConverted: boolean;
  /** Sentences for people. */
  readonly warnings: readonly string[];
}

export interface ConvertedLayerResult {
  /** Layer as pulled. */
  readonly source: Digest;
  readonly blob: Digest;
  readonly uncompressedBytes: number;
  readonly sizeBytes: number;
  /** It was converted before, for this image or another. */
  readonly reused: boolean;
}

export interface ResultParts {
  readonly reference: string;
  readonly image: SourceImage;
  readonly artifact: Artifact;
  /** Source digests of the layers that were converted now; undefined when the artifact was there before. */
  readonly converted: ReadonlySet<Digest> | undefined;
  readonly warnings: readonly string[];
  /** By `performance.now()`. */
  readonly startedAtMs: number;
}

export function conversionResult(parts: ResultParts): ConversionResult {
  const { reference, image, artifact, converted, warnings, startedAtMs } = parts;
  const sourceSizes = new Map(image.manifest.layers.map(({ digest, size }) => [digest, size]));
  return {
    source: { reference, digest: image.manifest.digest, sizeBytes: sum(sourceSizes.values()) },
    artifact: { digest: artifact.digest, artifactType: sluiceMediaTypes.artifact, sizeBytes: artifact.sizeBytes },
    layers: artifact.layers.map(({ source, digest, uncompressedBytes, sizeBytes }) => ({
      source,
      blob: digest,
      uncompressedBytes,
      sizeBytes,
      reused: converted?.has(source) !== true,
    })),
    uncompressedBytes: sum(artifact.layers.map(({ uncompressedBytes }) => uncompressedBytes)),
    sizeBytes: artifact.sizeBytes,
    seconds: Math.round(performance.now() - startedAtMs) / 1000,
    alreadyConverted: converted === undefined,
    warnings,
  };
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);
