import { type Digest, formatReference, parseDigest, parseReference } from "@sluice/oci";
import { z } from "zod";
import type { ImageAddress } from "../control/api.js";
import { imageAddressSchema } from "../control/api-schemas.js";
import type { ResolvedImage } from "../resolve/resolve-image.js";

const recordVersion = 1;
/** One image known by more names than this is somebody's loop over tags. */
const maxAddresses = 16;

/** What a node knows of an image besides its documents. */
export interface DiskRecord {
  readonly version: typeof recordVersion;
  /** Digest of the image's manifest, and the media type that it was sent with. */
  readonly source: string;
  readonly sourceMediaType: string;
  /** How it was asked for, the last first; one at least. */
  readonly addresses: readonly ImageAddress[];
}

export const recordSchema: z.ZodType<DiskRecord> = z.object({
  version: z.literal(recordVersion),
  source: z.string(),
  sourceMediaType: z.string(),
  addresses: z.array(imageAddressSchema).min(1),
});

export function recordOf(image: ResolvedImage, address: ImageAddress, before: DiskRecord | undefined): DiskRecord {
  return {
    version: recordVersion,
    source: image.source.digest,
    sourceMediaType: image.source.mediaType,
    addresses: withLatest(address, before?.addresses ?? []),
  };
}

export const isKnownAs = ({ addresses }: DiskRecord, reference: string): boolean =>
  addresses.some((address) => address.reference === reference);

/** As `record`, of an image that `reference` names no more: the place stays one that has it, by its digest. */
export function withoutName(record: DiskRecord, reference: string): DiskRecord {
  const source: Digest = parseDigest(record.source, "source of a record");
  const byDigest = formatReference({ ...parseReference(reference), tag: undefined, digest: source });
  const renamed = record.addresses.map((address) =>
    address.reference === reference ? { ...address, reference: byDigest } : address,
  );
  return { ...record, addresses: renamed.filter(({ reference: name }, at) => at === firstOf(renamed, name)) };
}

const withLatest = (latest: ImageAddress, older: readonly ImageAddress[]): ImageAddress[] =>
  [latest, ...older.filter(({ reference }) => reference !== latest.reference)].slice(0, maxAddresses);

const firstOf = (addresses: readonly ImageAddress[], name: string): number =>
  addresses.findIndex(({ reference }) => reference === name);
