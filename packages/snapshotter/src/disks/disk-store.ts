import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArtifact, requireFit } from "@sluice/disk/artifact";
import {
  type Digest,
  isDigest,
  maxImageConfigBytes,
  maxManifestBytes,
  parseDigest,
  parseImageConfig,
  parseManifest,
  sha256Of,
} from "@sluice/oci";
import PQueue from "p-queue";
import type { ImageAddress } from "../control/api.js";
import { decodeTocOf, maxTocBlobBytes, type ResolvedImage } from "../resolve/resolve-image.js";
import { isErrno } from "../state/errno.js";
import { folderOf, type NodePaths } from "../state/node-paths.js";
import { readFileIfPresent, syncFolder, writeSynced, writeWholeFile } from "../state/whole-file.js";
import { type DiskRecord, isKnownAs, recordOf, recordSchema, withoutName } from "./disk-record.js";

/** An image as this node remembers it: enough to serve its disk without the registry. */
export interface StoredDisk {
  readonly image: ResolvedImage;
  /** How it was asked for, the last first. The artifact's blobs are in the repository of each. */
  readonly addresses: readonly ImageAddress[];
}

/** A file of the record is missing, or its bytes are not those that its name promises. */
export class DamagedDiskError extends Error {
  override readonly name = "DamagedDiskError";
  readonly code = "DAMAGED_DISK";
}

const files = {
  record: "record.json",
  source: "source-manifest.json",
  config: "image-config.json",
  artifact: "artifact-manifest.json",
  toc: "toc.zst",
} as const;
const temporaryMark = ".tmp-";
/** Behind the name of a record that a whole one is about to take the place of. */
const replacedMark = ".old";
const maxRecordBytes = 1024 * 1024;

/**
 * The images of a node, a folder each, named by the digest of the artifact: absent or whole. What is loaded was checked anew: every file against the
 * digest that names it, and all of them against each other.
 */
export class DiskStore {
  readonly #paths: NodePaths;
  /** One at a time: two who replace the same folder would take it from under each other. */
  readonly #changes = new PQueue({ concurrency: 1 });
  constructor(paths: NodePaths) {
    this.#paths = paths;
  }

  /** Keeps the image, in place of one that is there already; `address` becomes its latest. */
  async save(image: ResolvedImage, address: ImageAddress): Promise<void> {
    const digest = image.artifact.manifest.digest;
    await this.#changes.add(async () => {
      const record = recordOf(image, address, await this.#readRecord(digest));
      await this.#takeName(address.reference, digest);
      await this.#write(image, record);
    });
  }

  /** Makes `address` the latest of an image that was found whole; one that was removed since is kept again. */
  async addAddress(image: ResolvedImage, address: ImageAddress): Promise<void> {
    const digest = image.artifact.manifest.digest;
    await this.#changes.add(async () => {
      const before = await this.#readRecord(digest);
      const record = recordOf(image, address, before);
      if (JSON.stringify(record.addresses) === JSON.stringify(before?.addresses)) return;
      await this.#takeName(address.reference, digest);
      if (before === undefined) return await this.#write(image, record);
      await writeWholeFile(join(this.#paths.disk(digest), files.record), JSON.stringify(record));
    });
  }

  /** Keeps an image that was found a moment ago, if it was removed since. One that is here stays as it is, its names above all. */
  async keep({ image, addresses: [address] }: StoredDisk): Promise<void> {
    const digest = image.artifact.manifest.digest;
    if (!address) throw new TypeError(`${digest}: nothing says where it is from`);
    await this.#changes.add(async () => {
      if (await this.#readRecord(digest)) return;
      await this.#takeName(address.reference, digest);
      await this.#write(image, recordOf(image, address, undefined));
    });
  }

  /** Undefined when this node does not know the image. @throws {DamagedDiskError} */
  async load(artifact: Digest): Promise<StoredDisk | undefined> {
    const loaded = await this.#load(artifact).catch(() => undefined);
    return loaded ?? (await this.#changes.add(() => this.#load(artifact))); // it may just have been replaced
  }

  async #load(artifact: Digest): Promise<StoredDisk | undefined> {
    const folder = this.#paths.disk(artifact);
    const recordBytes = await readFileIfPresent(join(folder, files.record), maxRecordBytes);
    if (!recordBytes) return undefined;
    try {
      const record = recordSchema.parse(JSON.parse(recordBytes.toString("utf8")));
      const sourceDigest = parseDigest(record.source, files.record);
      const [sourceBytes, configBytes, artifactBytes, tocBytes] = await Promise.all([
        readNamed(folder, files.source, maxManifestBytes, sourceDigest),
        readNamed(folder, files.config, maxImageConfigBytes),
        readNamed(folder, files.artifact, maxManifestBytes, artifact),
        readNamed(folder, files.toc, maxTocBlobBytes),
      ]);
      const source = parseManifest(sourceBytes, files.source, record.sourceMediaType);
      const manifest = parseManifest(artifactBytes, files.artifact);
      if (source.kind !== "image" || manifest.kind !== "image") throw new Error("an index where a manifest belongs");
      requireDigest(configBytes, source.config?.digest, files.config);
      const config = parseImageConfig(configBytes, files.config);
      const parsed = parseArtifact(manifest);
      requireFit(parsed, { manifest: source, diffIds: config.diffIds });
      requireDigest(tocBytes, parsed.toc.digest, files.toc);
      const toc = decodeTocOf(parsed, tocBytes);
      return { image: { source, config, configBytes, artifact: parsed, tocBytes, toc }, addresses: record.addresses };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new DamagedDiskError(`${folder}: ${why}; mount the image again to fetch it anew`, { cause: error });
    }
  }

  /** Digests of the artifacts that are kept, damaged ones too. */
  async list(): Promise<Digest[]> {
    const names = await readdir(this.#paths.disks).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    });
    return names.map((name) => `sha256:${name}`).filter(isDigest);
  }

  /** The image that `reference` named when it was last asked for here, for when the registry cannot say. Undefined also where it is not certain which one that is. */
  async findByReference(reference: string): Promise<StoredDisk | undefined> {
    const known = await this.#changes.add(() => this.#knownAs(reference));
    if (new Set(known.map(([, { source }]) => source)).size > 1) return undefined; // kept by a version that took no names away
    for (const [digest] of known) {
      const disk = await this.loadUnlessDamaged(digest);
      if (disk) return disk;
    }
    return undefined;
  }

  async #knownAs(reference: string): Promise<readonly (readonly [Digest, DiskRecord])[]> {
    const known: (readonly [Digest, DiskRecord])[] = [];
    for (const digest of await this.list()) {
      const record = await this.#readRecord(digest);
      if (record && isKnownAs(record, reference)) known.push([digest, record]);
    }
    return known;
  }

  /** Before another image gets it: killed in between, a node knows the name no more, and never two images by it. */
  async #takeName(reference: string, artifact: Digest): Promise<void> {
    for (const [digest, record] of await this.#knownAs(reference)) {
      if (digest === artifact) continue;
      await writeWholeFile(
        join(this.#paths.disk(digest), files.record),
        JSON.stringify(withoutName(record, reference)),
      );
    }
  }

  async remove(artifact: Digest): Promise<void> {
    await this.#changes.add(() => this.#removeFolder(artifact));
  }

  /** @param isNeeded asked when nothing else changes the image any more @returns whether it is gone */
  async removeUnless(artifact: Digest, isNeeded: () => boolean): Promise<boolean> {
    return await this.#changes.add(async () => {
      if (isNeeded()) return false;
      await this.#removeFolder(artifact);
      return true;
    });
  }

  async #removeFolder(artifact: Digest): Promise<void> {
    await rm(this.#paths.disk(artifact), { recursive: true, force: true });
  }

  /** Removes what a crash left half written, and brings back what it left half replaced. */
  async sweep(): Promise<void> {
    const names = await readdir(this.#paths.disks).catch((): string[] => []);
    for (const name of names) {
      const path = join(this.#paths.disks, name);
      const isReplaced = name.endsWith(replacedMark);
      const whole = name.slice(0, -replacedMark.length);
      if (isReplaced && !names.includes(whole)) await rename(path, join(this.#paths.disks, whole));
      else if (isReplaced || name.startsWith(temporaryMark)) await rm(path, { recursive: true, force: true });
    }
  }

  /** For who can fetch it anew. */
  async loadUnlessDamaged(artifact: Digest): Promise<StoredDisk | undefined> {
    try {
      return await this.load(artifact);
    } catch (error) {
      if (error instanceof DamagedDiskError) return undefined;
      throw error;
    }
  }

  /** Undefined also when it cannot be understood. */
  async #readRecord(artifact: Digest): Promise<DiskRecord | undefined> {
    const bytes = await readFileIfPresent(join(this.#paths.disk(artifact), files.record), maxRecordBytes);
    try {
      return bytes && recordSchema.parse(JSON.parse(bytes.toString("utf8")));
    } catch {
      return undefined;
    }
  }

  async #write(image: ResolvedImage, record: DiskRecord): Promise<void> {
    await this.#writeFolder(image.artifact.manifest.digest, {
      [files.record]: JSON.stringify(record),
      [files.source]: image.source.bytes,
      [files.config]: image.configBytes,
      [files.artifact]: image.artifact.manifest.bytes,
      [files.toc]: image.tocBytes,
    });
  }

  async #writeFolder(digest: Digest, contents: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
    const temporary = join(this.#paths.disks, `${temporaryMark}${folderOf(digest)}-${randomUUID()}`);
    await mkdir(temporary, { recursive: true, mode: 0o700 });
    try {
      await Promise.all(Object.entries(contents).map(([name, bytes]) => writeSynced(join(temporary, name), bytes)));
      await syncFolder(temporary);
      await this.#replace(this.#paths.disk(digest), temporary);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    await syncFolder(this.#paths.disks);
  }

  /** A folder cannot be renamed over another one: between two renames {@link sweep} would bring the old one back. */
  async #replace(folder: string, by: string): Promise<void> {
    const replaced = `${folder}${replacedMark}`;
    await rm(replaced, { recursive: true, force: true });
    await renameIfPresent(folder, replaced);
    await rename(by, folder);
    await rm(replaced, { recursive: true, force: true });
  }
}

async function renameIfPresent(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
  });
}

async function readNamed(folder: string, name: string, maxBytes: number, digest?: Digest): Promise<Buffer> {
  const bytes = await readFileIfPresent(join(folder, name), maxBytes);
  if (!bytes) throw new Error(`${name} is missing`);
  if (digest !== undefined) requireDigest(bytes, digest, name);
  return bytes;
}

function requireDigest(bytes: Uint8Array, digest: Digest | undefined, name: string): void {
  const actual = sha256Of(bytes);
  if (actual !== digest) throw new Error(`${name} is ${actual}, ${digest} expected`);
}
