import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import {
  decodeFooter,
  encodeFooter,
  footerBytes,
  InvalidFormatError,
  maxLayerIndexBytes,
  type RemoteBlob,
  readFooter,
  readSection,
} from "@sluice/disk";
import type { ArtifactBlob } from "@sluice/disk/artifact";
import {
  type AbortOptions,
  type Digest,
  DigestMismatchError,
  digestOfHash,
  type Repository,
  sha256Of,
} from "@sluice/oci";
import PQueue from "p-queue";
import { isErrno } from "../state/errno.js";
import { folderOf } from "../state/node-paths.js";
import { readFileIfPresent, syncFolder } from "../state/whole-file.js";

/** Two small requests each, then bytes: more at once would only split the link. */
const fetchesAtOnce = 4;
const temporaryMark = ".tmp-";

/**
 * Indexes of converted layers, a file each, named by the layer's blob: its footer, and the index behind it. Both are proven when they are written, by the footer's digest in the
 * artifact's manifest, and again when they are read.
 */
export class LayerIndexes {
  readonly #folder: string;
  readonly #fetches = new PQueue({ concurrency: fetchesAtOnce });

  constructor(folder: string) {
    this.#folder = folder;
  }

  path({ digest }: Pick<ArtifactBlob, "digest">): string {
    return join(this.#folder, folderOf(digest));
  }

  /**
   * Has the indexes of these layers on this node; those that are here are not asked for again.
   *
   * @throws what the repository throws | {InvalidFormatError} | {DigestMismatchError}
   */
  async keep(layers: readonly ArtifactBlob[], repository: Repository, options?: AbortOptions): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const stop = new AbortController();
    const signal = options?.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    const fetches = layers.map((layer) => this.#fetches.add(() => this.#keep(layer, repository, { signal })));
    try {
      await Promise.all(fetches);
    } finally {
      stop.abort(); // one that failed ends the others
      await Promise.allSettled(fetches);
    }
  }

  async forget(layers: readonly ArtifactBlob[]): Promise<void> {
    for (const layer of layers) await rm(this.path(layer), { force: true });
  }

  /** Removes those of no `wanted` layer that nobody asked for since `before`. */
  async collect(wanted: ReadonlySet<Digest>, before: Date): Promise<void> {
    const names = new Set([...wanted].map(folderOf));
    for (const name of await namesIn(this.#folder)) {
      if (names.has(name)) continue;
      const path = join(this.#folder, name);
      const found = await stat(path).catch(() => undefined); // removed meanwhile
      if (found && found.mtime < before) await rm(path, { force: true });
    }
  }

  async #keep(layer: ArtifactBlob, repository: Repository, options: AbortOptions): Promise<void> {
    options.signal?.throwIfAborted();
    const path = this.path(layer);
    const now = new Date();
    const isHere = await utimes(path, now, now).then(
      () => true,
      (error: unknown) => {
        if (isErrno(error, "ENOENT")) return false;
        throw error;
      },
    );
    if (isHere) return;
    try {
      await this.#fetch(layer, repository, path, options);
    } catch (error) {
      const isWrong = error instanceof InvalidFormatError || error instanceof DigestMismatchError;
      if (!isWrong || repository.doubt === undefined) throw error;
      repository.doubt(layer.digest); // a mirror's bytes, perhaps: the registry's count
      await this.#fetch(layer, repository, path, options);
    }
  }

  async #fetch(layer: ArtifactBlob, repository: Repository, path: string, options: AbortOptions): Promise<void> {
    const blob = remoteBlob(layer, repository);
    const footer = await readFooter(blob, layer.footerDigest, options);
    const { index } = footer;
    if (!index) throw new InvalidFormatError("footer", "layer index", "one, as in every layer", "none");
    if (index.sizeBytes > maxLayerIndexBytes) {
      throw new InvalidFormatError("layer index", "size", `at most ${maxLayerIndexBytes} bytes`, index.sizeBytes);
    }
    const temporary = join(this.#folder, `${temporaryMark}${folderOf(layer.digest)}-${randomUUID()}`);
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(encodeFooter(footer));
        for await (const piece of readSection(blob, index, `index of layer ${layer.digest}`, options)) {
          await file.writeFile(piece);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(this.#folder);
  }
}

/** The encoded index in a file that {@link LayerIndexes} wrote. @throws when it is not there, or its bytes are not those that the layer promises */
export async function readKeptIndex(path: string, { sizeBytes, footerDigest }: ArtifactBlob): Promise<Uint8Array> {
  const bytes = await readFileIfPresent(path, footerBytes + maxLayerIndexBytes);
  if (!bytes) throw new Error(`${path} is missing`);
  const footer = bytes.subarray(0, footerBytes);
  requireDigest(`footer in ${path}`, footerDigest, sha256Of(footer));
  const { index } = decodeFooter(footer, sizeBytes);
  if (!index) throw new InvalidFormatError("footer", "layer index", "one, as in every layer", "none");
  const payload = bytes.subarray(footerBytes);
  const actual = digestOfHash(createHash("sha256").update(payload).digest());
  requireDigest(`index in ${path}`, digestOfHash(index.sha256), actual);
  return payload;
}

function requireDigest(what: string, expected: Digest, actual: Digest): void {
  if (actual !== expected) throw new DigestMismatchError(what, expected, actual);
}

const remoteBlob = ({ digest, sizeBytes }: ArtifactBlob, repository: Repository): RemoteBlob => ({
  sizeBytes,
  read: async (range, options) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of repository.readBlobRange(digest, range, options)) pieces.push(piece);
    return Buffer.concat(pieces);
  },
});

/** Names in a folder; none when it is not there. */
export const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
