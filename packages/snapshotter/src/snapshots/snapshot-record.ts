import { type Digest, parseDigest } from "@sluice/oci";
import { z } from "zod";

/** containerd names the chain ID of the layer that it is about to unpack. */
export const targetLabel = "containerd.io/snapshot.ref";

/** containerd's kinds: one that is written to, one that is only read, one that others are built on. */
export type SnapshotKind = "active" | "view" | "committed";

export interface SnapshotUsage {
  /** Blocks that the files take on the disk. Bytes. */
  readonly sizeBytes: number;
  readonly inodes: number;
}

/** A layer, or the chain that ends in it, that is shown from a streaming artifact. */
export interface StreamedLayer {
  /** The streaming artifact of an image with this chain. */
  readonly artifact: Digest;
  /** How many layers of that image, from the lowest, the chain up to here has. */
  readonly layers: number;
  /** Layers of the whole image. */
  readonly imageLayers: number;
}

export interface SnapshotRecord {
  /** Names its folder. Never given twice. */
  readonly id: number;
  /** containerd's key of an active one or a view, its name once committed. */
  readonly name: string;
  readonly kind: SnapshotKind;
  /** Name of a committed one; empty for the lowest. */
  readonly parent: string;
  /** Since 1970. Nanoseconds. */
  readonly createdNs: bigint;
  readonly updatedNs: bigint;
  readonly labels: Readonly<Record<string, string>>;
  /** Of a committed one that was unpacked. */
  readonly usage?: SnapshotUsage | undefined;
  /** A committed layer that was claimed and not unpacked: it has no folder. */
  readonly streamed?: StreamedLayer | undefined;
}

const nanoseconds = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);

const recordSchema: z.ZodType<SnapshotRecord> = z.object({
  id: z.int().min(1),
  name: z.string().min(1),
  kind: z.enum(["active", "view", "committed"]),
  parent: z.string(),
  createdNs: nanoseconds,
  updatedNs: nanoseconds,
  labels: z.record(z.string(), z.string()),
  usage: z.object({ sizeBytes: z.int().min(0), inodes: z.int().min(0) }).optional(),
  streamed: z
    .object({
      artifact: z.string().transform((text) => parseDigest(text, "record of a snapshot")),
      layers: z.int().min(1),
      imageLayers: z.int().min(1),
    })
    .optional(),
});

export const encodeRecord = (record: SnapshotRecord): string =>
  JSON.stringify(record, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));

/** @throws {Error} for anything but a record */
export const decodeRecord = (text: string): SnapshotRecord => recordSchema.parse(JSON.parse(text));

/** containerd takes an empty value for none. */
export const labelsWithoutEmpty = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
