import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ArtifactLayer } from "@sluice/disk/artifact";
import { type AbortOptions, type Digest, Hasher } from "@sluice/oci";
import { writeError } from "../layer/disk-full.js";
import { readPieces } from "../layer/read-pieces.js";
import { decodeCachedLayer, encodeCachedLayer } from "./cached-layer.js";

/** What the cache may take, layers in use not counted: enough for the base images of a build host. Bytes. */
const defaultCacheBudgetBytes: number = 20 * 1024 ** 3;

/** A layer blob in the cache, open. Eviction does not disturb it. */
export interface OpenLayer extends AsyncDisposable {
  readonly layer: ArtifactLayer;
  readonly handle: FileHandle;
}

/** A blob that is being written. Gone when it is disposed without {@link keep}, or when the process dies. */
export interface NewLayer extends AsyncDisposable {
  readonly path: string;
  readonly handle: FileHandle;
  /** Gives it its name, on disk and whole. */
  keep(layer: ArtifactLayer): Promise<OpenLayer>;
}

/** A record follows its blob at once; a blob that has none after so long lost it. */
const orphanAgeMs = 60 * 60 * 1000;

const hexOf = (digest: Digest): string => digest.slice("sha256:".length);

/**
 * Converted layers on the build host, by digest of the source layer: `blobs/` holds the blobs, `layers/` a record for each source.
 * A record is written when its blob is on disk, so what is found is whole; two processes may share the cache.
 */
export class LayerCache {
  readonly #directory: string;
  readonly #budgetBytes: number;

  private constructor(directory: string, budgetBytes: number) {
    this.#directory = directory;
    this.#budgetBytes = budgetBytes;
  }

  /** @throws {DiskFullError} */
  static async open(directory: string, budgetBytes: number = defaultCacheBudgetBytes): Promise<LayerCache> {
    const cache = new LayerCache(directory, budgetBytes);
    try {
      for (const folder of ["blobs", "layers", "new"]) await mkdir(join(directory, folder), { recursive: true });
    } catch (error) {
      throw writeError(error, directory);
    }
    await cache.#removeLeftovers();
    return cache;
  }

  /** Undefined when it is not there or not what it was; then its record and its blob go. Reads the whole blob to know. */
  async find(source: Digest, options?: AbortOptions): Promise<OpenLayer | undefined> {
    const record = this.#recordPath(source);
    const text = await readFile(record, "utf8").catch(() => "");
    const layer = decodeCachedLayer(text, source);
    if (layer === undefined) return undefined;
    const handle = await open(this.#blobPath(layer.digest), "r").catch(() => undefined);
    if (handle === undefined) return undefined;
    const whole = await isWhole(handle, layer, options).catch(async (reason: unknown) => {
      await handle.close();
      throw reason;
    });
    if (!whole) {
      await handle.close();
      await rm(record, { force: true });
      await rm(this.#blobPath(layer.digest), { force: true });
      return undefined;
    }
    const now = new Date();
    await utimes(record, now, now).catch(() => undefined); // eviction takes the longest unused first
    return { layer, handle, [Symbol.asyncDispose]: () => handle.close() };
  }

  /** @throws {DiskFullError} */
  async create(): Promise<NewLayer> {
    const path = join(this.#directory, "new", `${process.pid}-${randomUUID()}`);
    const handle = await open(path, "wx+", 0o644).catch((error: unknown) => {
      throw writeError(error, path);
    });
    let kept = false;
    return {
      path,
      handle,
      keep: async (layer) => {
        await this.#keep(path, handle, layer);
        kept = true;
        return { layer, handle, [Symbol.asyncDispose]: () => handle.close() };
      },
      [Symbol.asyncDispose]: async () => {
        if (kept) return;
        await handle.close();
        await rm(path, { force: true });
      },
    };
  }

  async #keep(path: string, handle: FileHandle, layer: ArtifactLayer): Promise<void> {
    const record = this.#recordPath(layer.source);
    try {
      await handle.datasync();
      await rename(path, this.#blobPath(layer.digest));
      await writeFile(`${record}.${process.pid}`, encodeCachedLayer(layer), { flush: true });
      await rename(`${record}.${process.pid}`, record);
    } catch (error) {
      throw writeError(error, path);
    }
  }

  /** Removes the longest unused layers until the rest is within the budget. What is open stays readable. */
  async evict(): Promise<void> {
    const records = await this.#records();
    const users = new Map<string, number>();
    let total = 0;
    for (const { layer } of records) {
      const count = users.get(layer.digest) ?? 0;
      users.set(layer.digest, count + 1);
      if (count === 0) total += layer.sizeBytes;
    }
    await this.#removeOrphans(users);
    for (const { layer } of records) {
      if (total <= this.#budgetBytes) return;
      await rm(this.#recordPath(layer.source), { force: true });
      const left = (users.get(layer.digest) ?? 1) - 1;
      users.set(layer.digest, left);
      if (left > 0) continue;
      await rm(this.#blobPath(layer.digest), { force: true });
      total -= layer.sizeBytes;
    }
  }

  /** Blobs that no record names, but for those whose record may be about to come. */
  async #removeOrphans(users: ReadonlyMap<string, number>): Promise<void> {
    for (const name of await readdir(join(this.#directory, "blobs"))) {
      if (users.has(`sha256:${name}`)) continue;
      const path = join(this.#directory, "blobs", name);
      const changedAtMs = (await stat(path).catch(() => undefined))?.ctimeMs ?? Date.now();
      if (Date.now() - changedAtMs > orphanAgeMs) await rm(path, { force: true });
    }
  }

  /** The longest unused first. */
  async #records(): Promise<{ readonly layer: ArtifactLayer; readonly usedAtMs: number }[]> {
    const found: { readonly layer: ArtifactLayer; readonly usedAtMs: number }[] = [];
    for (const name of await readdir(join(this.#directory, "layers"))) {
      const path = join(this.#directory, "layers", name);
      const text = await readFile(path, "utf8").catch(() => "");
      const layer = decodeCachedLayer(text, `sha256:${name.slice(0, 64)}` as Digest); // only compared with what the record says
      const status = await stat(path).catch(() => undefined);
      if (layer !== undefined && status !== undefined) found.push({ layer, usedAtMs: status.mtimeMs });
    }
    return found.sort((a, b) => a.usedAtMs - b.usedAtMs);
  }

  /** Files of processes that died while they wrote. */
  async #removeLeftovers(): Promise<void> {
    for (const name of await readdir(join(this.#directory, "new"))) {
      if (!isAlive(Number.parseInt(name, 10))) await rm(join(this.#directory, "new", name), { force: true });
    }
  }

  #blobPath(digest: Digest): string {
    return join(this.#directory, "blobs", hexOf(digest));
  }

  #recordPath(source: Digest): string {
    return join(this.#directory, "layers", `${hexOf(source)}.json`);
  }
}

async function isWhole(handle: FileHandle, layer: ArtifactLayer, options?: AbortOptions): Promise<boolean> {
  if ((await handle.stat()).size !== layer.sizeBytes) return false;
  const hasher = new Hasher();
  try {
    for await (const piece of readPieces(handle, 0, layer.sizeBytes)) {
      options?.signal?.throwIfAborted();
      hasher.update(piece);
    }
  } catch {
    options?.signal?.throwIfAborted(); // a disk that cannot give the bytes back
    return false;
  }
  return hasher.digest() === layer.digest;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
