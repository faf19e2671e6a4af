import { type ArtifactLayer, artifactFormatVersion } from "@sluice/disk/artifact";
import { type Digest, isDigest } from "@sluice/oci";

/** What the cache of the build host remembers about a layer: one small JSON file each. */
export function encodeCachedLayer(layer: ArtifactLayer): string {
  const { digest, sizeBytes, footerDigest, source, diffId, uncompressedBytes } = layer;
  const record = {
    formatVersion: artifactFormatVersion,
    source,
    digest,
    sizeBytes,
    footerDigest,
    diffId,
    uncompressedBytes,
  };
  return `${JSON.stringify(record)}\n`;
}

/** Undefined for what is damaged or was written by another version: a cache forgets rather than fails. */
export function decodeCachedLayer(text: string, source: Digest): ArtifactLayer | undefined {
  let record: Record<string, unknown>;
  try {
    record = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const { digest, footerDigest, diffId, sizeBytes, uncompressedBytes } = record;
  if (record["formatVersion"] !== artifactFormatVersion || record["source"] !== source) return undefined;
  if (!isDigestValue(digest) || !isDigestValue(footerDigest) || !isDigestValue(diffId)) return undefined;
  if (!isSize(sizeBytes) || !isSize(uncompressedBytes)) return undefined;
  return { source, digest, sizeBytes, footerDigest, diffId, uncompressedBytes };
}

const isDigestValue = (value: unknown): value is Digest => typeof value === "string" && isDigest(value);
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
