import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type BlobStore, FileSystemBlobStore, FileSystemUploadStore, type UploadStore } from "@sluice/store";
import { Snapshots } from "./backup/snapshots.js";
import type { MetadataStore } from "./metadata/metadata-store.js";
import type { Records } from "./records/records.js";

/** Where a registry that has outgrown one machine keeps everything; each process of it says the same. */
export interface SharedStorage {
  /** `postgres://USER:PASSWORD@HOST/DATABASE` */
  readonly postgres: string;
  /** Send those who read blobs to the bucket, by links that are signed for a while: they must reach it. */
  readonly redirects?: boolean | undefined;
  readonly s3: {
    readonly bucket: string;
    readonly prefix?: string | undefined;
    readonly endpoint?: string | undefined;
    readonly region?: string | undefined;
  };
}

/** Another server has the data root open. */
export class RootInUseError extends Error {
  override readonly name = "RootInUseError";
  readonly code = "ROOT_IN_USE";
  readonly root: string;
  constructor(root: string, options?: ErrorOptions) {
    super(`another registry uses ${root}; stop it or choose another data root`, options);
    this.root = root;
  }
}

/** Blobs are there, and nothing that says whose they are. */
class MetadataLostError extends Error {
  override readonly name = "MetadataLostError";
  readonly code = "METADATA_LOST";
  constructor(folder: string) {
    super(
      `${join(folder, "blobs")} holds blobs, and ${join(folder, "metadata")}, which says whose they are, is empty or missing: mount it, ` +
        "or bring both back with `sluice serve restore`; to begin anew, move the blobs away",
    );
  }
}

/** All that a registry keeps. */
export interface Stores extends AsyncDisposable {
  readonly metadata: MetadataStore & { readonly records: Records };
  readonly blobs: BlobStore;
  readonly uploads: UploadStore;
  /** Other processes use them at the same time. */
  readonly isShared: boolean;
  /** Undefined where the storage has means of its own for that. */
  readonly snapshots?: Snapshots | undefined;
}

/** Uploads leave so much of the disk: to delete images, which makes room, metadata must be written. */
const reserveBytes = 32 * 1024 * 1024;

/** Files below `root`, for one process. @throws {RootInUseError} */
export async function openFiles(root: string): Promise<Stores> {
  const { LevelMetadataStore } = await import("./metadata/level-metadata-store.js");
  const folder = join(root, "registry");
  await refuseLostMetadata(folder);
  await mkdir(join(folder, "metadata"), { recursive: true });
  try {
    const metadata = await LevelMetadataStore.open(join(folder, "metadata"));
    const blobs = await FileSystemBlobStore.open(join(folder, "blobs"));
    const uploads = await FileSystemUploadStore.open(join(folder, "blobs/uploads"), blobs, reserveBytes);
    const snapshots = new Snapshots(metadata, root);
    await snapshots.clear();
    const close = () => metadata[Symbol.asyncDispose]();
    return { metadata, blobs, uploads, isShared: false, snapshots, [Symbol.asyncDispose]: close };
  } catch (error) {
    if (isLocked(error)) throw new RootInUseError(root, { cause: error });
    throw error;
  }
}

/** Without the metadata all blobs are garbage, and clients would be told that there never was anything. */
async function refuseLostMetadata(folder: string): Promise<void> {
  const metadata = await readdir(join(folder, "metadata")).catch(() => []);
  if (metadata.length > 0 || !existsSync(join(folder, "blobs"))) return;
  for await (const _ of (await FileSystemBlobStore.open(join(folder, "blobs"))).list())
    throw new MetadataLostError(folder);
}

/** PostgreSQL and an S3 bucket, for any number of processes. */
export async function openShared({ postgres, redirects, s3 }: SharedStorage): Promise<Stores> {
  const [{ PostgresMetadataStore }, { S3BlobStore, S3Bucket, S3UploadStore }] = await Promise.all([
    import("./metadata/postgres-metadata-store.js"),
    import("@sluice/store/s3"),
  ]);
  const metadata = await PostgresMetadataStore.open(postgres);
  const bucket = new S3Bucket(s3);
  return {
    metadata,
    blobs: new S3BlobStore(bucket, { givesLinks: redirects }),
    uploads: new S3UploadStore(bucket),
    isShared: true,
    [Symbol.asyncDispose]: async () => {
      bucket.close();
      await metadata[Symbol.asyncDispose]();
    },
  };
}

/** Another process has a level database open. */
export function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
}
