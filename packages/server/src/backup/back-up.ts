import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AbortOptions } from "@sluice/oci";
import { FileSystemBlobStore } from "@sluice/store";
import { removeOrphans } from "../garbage/collect-garbage.js";
import { isLocked } from "../open-stores.js";
import { BackupError, lastMetadata, publishMetadata, syncFolder } from "./backup-folder.js";
import { type CopiedContent, copyContent, type MissingContent, missingContent } from "./copy-content.js";
import { snapshotsBelow } from "./snapshots.js";

export interface BackUpOptions extends AbortOptions {
  /** Absolute path of the registry's data root. */
  readonly root: string;
  /** Absolute path of the backup: new, empty, or with backups of the same registry, of which it keeps the blobs. */
  readonly folder: string;
  /** Asks the process that serves for a snapshot. @returns its name */
  readonly takeSnapshot: () => Promise<string>;
  /** Read the blobs that earlier backups left, too, and copy those anew that are damaged. */
  readonly verify?: boolean | undefined;
}

/** What came out of a backup, and what it had not whole: that is left out. */
export interface Restored extends CopiedContent {
  readonly damagedBlobs: number;
  readonly missing: readonly MissingContent[];
}

/** Backs up a registry on files, while it serves or not. @throws {BackupError} */
export async function backUp({ folder, root, takeSnapshot, ...options }: BackUpOptions): Promise<CopiedContent> {
  const { LevelMetadataStore } = await import("../metadata/level-metadata-store.js");
  const registry = join(root, "registry");
  if (!(await isThere(join(registry, "metadata")))) throw new BackupError(`${root} holds no registry`);
  const unfinished = join(folder, "unfinished");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await rm(unfinished, { recursive: true, force: true });
  await snapshotInto(root, unfinished, takeSnapshot);
  const blobs = await FileSystemBlobStore.open(join(folder, "blobs"));
  await using metadata = await LevelMetadataStore.open(unfinished);
  const copied = await copyContent(metadata, await FileSystemBlobStore.open(join(registry, "blobs")), blobs, options);
  for await (const { blob, manifest, repository } of missingContent(metadata, blobs, options)) {
    const problem = `${repository}@${manifest} needs blob ${blob}, which is not there`;
    throw new BackupError(
      `${problem}: it was deleted and collected meanwhile, or lost; begin again, and if it stays so, delete that manifest`,
    );
  }
  await metadata[Symbol.asyncDispose]();
  await publishMetadata(folder, unfinished);
  await dropOthers(folder, blobs, options);
  return copied;
}

/** Makes a registry of a backup, as far as its blobs are whole, below a data root that has none. @throws {BackupError} */
export async function restoreBackup({
  folder,
  root,
  ...options
}: Omit<BackUpOptions, "takeSnapshot" | "verify">): Promise<Restored> {
  const { LevelMetadataStore } = await import("../metadata/level-metadata-store.js");
  const [registry, unfinished] = [join(root, "registry"), join(root, "registry.unfinished")];
  if (await isThere(registry)) throw new BackupError(`${registry} is there: restore to a data root without a registry`);
  await mkdir(root, { recursive: true });
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  await using kept = await LevelMetadataStore.open(await lastMetadata(folder));
  await kept.copyTo(join(unfinished, "metadata"));
  const blobs = await FileSystemBlobStore.open(join(unfinished, "blobs"));
  let damagedBlobs = 0;
  const onDamaged = (): void => void damagedBlobs++;
  const from = await FileSystemBlobStore.open(join(folder, "blobs"));
  const copied = await copyContent(kept, from, blobs, { ...options, onDamaged });
  const missing: MissingContent[] = [];
  for await (const one of missingContent(kept, blobs, options)) missing.push(one);
  await rename(unfinished, registry);
  await syncFolder(root);
  return { ...copied, damagedBlobs, missing };
}

/** Takes the snapshot itself when nobody serves. */
async function snapshotInto(root: string, target: string, takeSnapshot: () => Promise<string>): Promise<void> {
  const { LevelMetadataStore } = await import("../metadata/level-metadata-store.js");
  try {
    await using metadata = await LevelMetadataStore.open(join(root, "registry", "metadata"));
    await metadata.copyTo(target);
    return;
  } catch (error) {
    if (!isLocked(error)) throw error;
  }
  const snapshot = join(snapshotsBelow(root), await takeSnapshot());
  if (!(await isThere(snapshot))) {
    const cure = "name the one that serves this data root with --registry HOST";
    throw new BackupError(`the registry that was asked for a snapshot has another data root than ${root}; ${cure}`);
  }
  await using taken = await LevelMetadataStore.open(snapshot);
  await taken.copyTo(target);
  await taken[Symbol.asyncDispose]();
  await rm(snapshot, { recursive: true });
}

/** Blobs that only backups before this one needed. */
async function dropOthers(folder: string, blobs: FileSystemBlobStore, options: AbortOptions): Promise<void> {
  const { LevelMetadataStore } = await import("../metadata/level-metadata-store.js");
  await using metadata = await LevelMetadataStore.open(await lastMetadata(folder));
  await removeOrphans(metadata, blobs, { graceMs: -1000, dryRun: false, ...options });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
