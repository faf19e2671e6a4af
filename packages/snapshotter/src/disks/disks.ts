import type { Digest, Repository } from "@sluice/oci";
import type { ChunkStore } from "@sluice/store";
import type { ImageAddress } from "../control/api.js";
import type { Tracer } from "../observe/tracing.js";
import type { StartWatch } from "../recording/start-offers.js";
import { Arrivals } from "./arrivals.js";
import type { BackgroundFill, FillOutcome } from "./background-fill.js";
import type { BlobPlaces } from "./blob-places.js";
import { type ChunkGetter, ChunksAhead } from "./chunks-ahead.js";
import { chunkClaims, DiskMap } from "./disk-map.js";
import type { StoredDisk } from "./disk-store.js";
import { createOpenDisk, type OpenDisk } from "./open-disk.js";

/** One user's hold on an open disk. */
export interface DiskLease {
  readonly disk: OpenDisk;
  /** Call when no reader can start a read any more. The last one closes the disk. Repeating it does nothing. */
  release(): Promise<void>;
}

export interface DisksParts {
  readonly store: Pick<ChunkStore, "bind" | "isStored" | "mark">;
  readonly chunks: ChunkGetter;
  readonly places: BlobPlaces;
  readonly openRepository: (address: ImageAddress) => Repository;
  /** Puts something around each disk's reads, such as a watch. */
  readonly around?: ((disk: OpenDisk) => OpenDisk) | undefined;
  /** Watches what is read of a disk that is opened, if there is something to learn. */
  readonly watchStart?: ((stored: StoredDisk, map: DiskMap) => StartWatch | undefined) | undefined;
  /** Fetches the rest of each disk when its start is over. */
  readonly background?: BackgroundFill | undefined;
  readonly tracer?: Tracer | undefined;
  readonly onFilled?: ((artifact: Digest, outcome: FillOutcome) => void) | undefined;
  readonly onStreamBroken?: ((artifact: Digest, error: unknown) => void) | undefined;
  /** Nobody has the disk open any more. */
  readonly onClosed?: ((artifact: Digest) => void) | undefined;
}

interface OpenOptions {
  readonly quiet?: boolean | undefined;
  readonly resumed?: boolean | undefined;
}

interface Opened {
  readonly disk: OpenDisk;
  readonly chunks: ChunksAhead;
  readonly watch: StartWatch | undefined;
  /** What no reader has asked for comes from now on. Repeating it does nothing. */
  readonly fetchUnasked: () => void;
  readonly close: () => Promise<void>;
}

interface Entry {
  users: number;
  readonly opened: Promise<Opened>;
}

/** The disks that are open now, each once, however many mounts show it. */
export class Disks {
  readonly #parts: DisksParts;
  readonly #entries = new Map<Digest, Entry>();
  readonly #opened = new Set<Opened>();

  constructor(parts: DisksParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Digests of the artifacts whose disks are open. */
  get digests(): readonly Digest[] {
    return [...this.#entries.keys()];
  }

  /**
   * @param options `quiet`: fetch nothing before it is read, until somebody opens it otherwise. `resumed`: an earlier process had it open, so this is no start; for who opens it first
   * @throws {TooManyChunksError} when the store has no slots left for its chunks
   */
  async open(stored: StoredDisk, options: OpenOptions = {}): Promise<DiskLease> {
    const digest = stored.image.artifact.manifest.digest;
    const entry = this.#entries.get(digest) ?? this.#start(digest, stored, options);
    entry.users++;
    try {
      const { disk, fetchUnasked } = await entry.opened;
      if (options.quiet !== true) fetchUnasked();
      let held = true;
      const release = async (): Promise<void> => {
        if (!held) return;
        held = false;
        await this.#leave(digest, entry);
      };
      return { disk, release };
    } catch (error) {
      await this.#leave(digest, entry);
      throw error;
    }
  }

  /** See {@link ChunksAhead.unreadBytes}; of all open disks. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const { chunks } of this.#opened) bytes += chunks.unreadBytes;
    return bytes;
  }

  /** A worker hit a marked chunk: see {@link ChunkStore.mark}. */
  onMark(slot: number): void {
    for (const { chunks, watch } of this.#opened) {
      chunks.onMark(slot);
      watch?.onMark(slot);
    }
  }

  #start(digest: Digest, stored: StoredDisk, options: OpenOptions): Entry {
    const entry: Entry = { users: 0, opened: this.#open(digest, stored, options) };
    this.#entries.set(digest, entry);
    return entry;
  }

  async #leave(digest: Digest, entry: Entry): Promise<void> {
    entry.users--;
    if (entry.users > 0) return;
    if (this.#entries.get(digest) === entry) this.#entries.delete(digest);
    const opened = await entry.opened.catch(() => undefined); // whoever opened it was told
    await opened?.close();
    this.#parts.onClosed?.(digest);
  }

  async #fetchUnasked(digest: Digest, map: DiskMap, ahead: ChunksAhead): Promise<void> {
    const { background, tracer, onFilled } = this.#parts;
    const start = (): Promise<void> => ahead.start();
    await (tracer?.step("startup", { "artifact.digest": digest }, start) ?? start());
    const outcome = await background?.fill(map, ahead.signal).catch(() => undefined); // the disk was closed
    if (outcome !== undefined) onFilled?.(digest, outcome);
  }

  async #open(digest: Digest, stored: StoredDisk, options: OpenOptions): Promise<Opened> {
    const { store, places, openRepository } = this.#parts;
    const { toc } = stored.image;
    const { ids, lengths } = chunkClaims(toc);
    const binding = await store.bind(ids, lengths);
    const leaves: (() => void)[] = [];
    const release = async (): Promise<void> => {
      for (const leave of leaves) leave();
      await binding.close();
    };
    try {
      const blobs = toc.blobs.map((blob) => blob.digest);
      for (const address of stored.addresses) leaves.push(places.add(blobs, openRepository(address)));
      return this.#openBound(digest, stored, new DiskMap(toc, binding, store), release, options);
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** @param release what the opened disk holds; called when it closes */
  #openBound(
    digest: Digest,
    stored: StoredDisk,
    map: DiskMap,
    release: () => Promise<void>,
    { quiet, resumed }: OpenOptions,
  ): Opened {
    const { store, chunks, around = (disk) => disk, onStreamBroken } = this.#parts;
    const arrivals = new Arrivals(map);
    const isRecorded = stored.image.artifact.recordings > 0;
    const ahead = new ChunksAhead(map, {
      isRecorded,
      store,
      chunks,
      onArrived: (chunk) => arrivals.add(chunk),
      onStreamBroken: (error) => onStreamBroken?.(digest, error),
    });
    const watch = quiet || resumed ? undefined : this.#parts.watchStart?.(stored, map);
    const disk = {
      ...createOpenDisk(digest, map, ahead, (listener) => arrivals.listen(listener)),
      isRecorded,
      isStreaming: map.startChunks().startup.some((chunk) => !map.isStored(chunk)),
      isWhole: map.wantedChunks().every((chunk) => map.isStored(chunk)),
    };
    let isUnaskedFetched = false;
    const opened: Opened = {
      disk: around(watch?.around(disk) ?? disk),
      chunks: ahead,
      watch,
      fetchUnasked: () => {
        if (isUnaskedFetched) return;
        isUnaskedFetched = true;
        void this.#fetchUnasked(digest, map, ahead);
      },
      close: async () => {
        this.#opened.delete(opened);
        watch?.close();
        ahead.close();
        await release();
      },
    };
    this.#opened.add(opened);
    return opened;
  }
}
