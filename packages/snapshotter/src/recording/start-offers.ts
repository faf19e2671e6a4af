import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { blockSizeBytes, type Recording } from "@sluice/disk";
import { offerRecording } from "@sluice/disk/artifact";
import { type Digest, descriptorOfManifest, type Repository } from "@sluice/oci";
import type { ChunkStore } from "@sluice/store";
import type { ImageAddress } from "../control/api.js";
import type { DiskMap } from "../disks/disk-map.js";
import type { StoredDisk } from "../disks/disk-store.js";
import type { OpenDisk } from "../disks/open-disk.js";
import type { Logger } from "../observe/log.js";
import { writeWholeFile } from "../state/whole-file.js";
import { PageTrace } from "./page-trace.js";

/** Sees what is read of one open disk. */
export interface StartWatch {
  /** The same disk; its reads are noted, and none of its pages is shown to the kernel unasked: it would be read unseen. */
  around(disk: OpenDisk): OpenDisk;
  /** A worker read a chunk of the store for the first time. */
  onMark(slot: number): void;
  /** The disk is closed. */
  close(): void;
}

export interface StartOffersOptions {
  readonly store: Pick<ChunkStore, "mark">;
  readonly openRepository: (address: ImageAddress) => Repository;
  /** A file that says that the start of this artifact was offered from here. */
  readonly markOf: (artifact: Digest) => string;
  readonly log: Logger;
  /** A start is watched for so long. Milliseconds. */
  readonly watchMs?: number | undefined;
}

/** Shorter is no start: somebody looked into a mount. Milliseconds. */
const leastMs = 2000;
/** For the whole offer. Milliseconds. */
const offerTimeoutMs = 60_000;

/**
 * Offers what the first start of an image on this node touched to whoever optimises the image, once for each artifact that was not learned from starts yet. The trace costs
 * nothing and is coarse: pages where a read missed the store, whole chunks where it hit, also when it was another disk's reader that hit a chunk of both. What goes wrong is logged and disturbs nobody.
 */
export class StartOffers {
  readonly #options: StartOffersOptions;
  /** Artifacts whose first start is being watched, or was. */
  readonly #watched = new Set<Digest>();

  constructor(options: StartOffersOptions) {
    this.#options = options;
  }

  /** Undefined when there is nothing to learn. */
  watch(stored: StoredDisk, map: DiskMap): StartWatch | undefined {
    const { artifact } = stored.image;
    const { store, markOf, watchMs = 30_000 } = this.#options;
    const isKnown =
      artifact.recordings > 0 || this.#watched.has(artifact.digest) || existsSync(markOf(artifact.digest));
    if (isKnown) return undefined;
    this.#watched.add(artifact.digest);
    const startMs = performance.now();
    const trace = new PageTrace(startMs);
    const chunks = new Map<number, number>();
    for (const chunk of map.pieces.chunk) {
      const slot = map.slots[chunk] ?? -1;
      if (slot < 0) continue;
      chunks.set(slot, chunk);
      store.mark(slot);
    }
    let isOver = false;
    const end = (isStart: boolean): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      if (isStart && trace.runs.length > 0) void this.#offer(stored, trace, startMs);
      else this.#watched.delete(artifact.digest); // the first start is still to come
    };
    const timer = setTimeout(() => end(true), watchMs).unref();
    return {
      around: (disk) => ({
        ...disk,
        metadataBlocks: 0,
        onArrived: () => () => undefined,
        read: (offset, length, options) => {
          if (!isOver) trace.touch(offset, length, performance.now());
          return disk.read(offset, length, options);
        },
      }),
      onMark: (slot) => {
        const chunk = chunks.get(slot);
        if (isOver || chunk === undefined) return;
        for (const { startBlock, blocks } of map.runsOf(chunk)) {
          trace.touch(startBlock * blockSizeBytes, blocks * blockSizeBytes, performance.now());
        }
      },
      close: () => end(performance.now() - startMs >= leastMs),
    };
  }

  async #offer({ image, addresses }: StoredDisk, trace: PageTrace, startMs: number): Promise<void> {
    const { openRepository, markOf, log } = this.#options;
    const { artifact, source } = image;
    const [address] = addresses;
    const recording: Recording = {
      disk: { metadata: artifact.metadata.digest, layers: artifact.layers.map(({ digest }) => digest) },
      seconds: Math.round(performance.now() - startMs) / 1000,
      runs: trace.runs,
    };
    if (address === undefined) return;
    try {
      const signal = AbortSignal.timeout(offerTimeoutMs);
      const offer = await offerRecording(openRepository(address), descriptorOfManifest(source), recording, { signal });
      const mark = markOf(artifact.digest);
      await mkdir(dirname(mark), { recursive: true, mode: 0o700 });
      await writeWholeFile(mark, `${offer}\n`);
      log.info({ artifact: artifact.digest, offer }, "what the start touched was offered to the registry");
    } catch (error) {
      log.warn({ err: error, artifact: artifact.digest }, "what the start touched could not be offered");
    }
  }
}
