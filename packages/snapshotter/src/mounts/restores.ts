import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "@sluice/oci";
import PQueue from "p-queue";
import type { Logger } from "../observe/log.js";
import type { MountRecord } from "./mount-journal.js";

export interface RestoresOptions {
  /** Brings one mount back. Whatever it throws, it is called again later. */
  readonly restore: (record: MountRecord) => Promise<void>;
  readonly log: Logger;
  /** Before the second try; it doubles with each. Milliseconds. */
  readonly firstPauseMs?: number | undefined;
}

/** Mounts restored at once at a start: enough to hide the waits, not to crowd out each other's first reads. */
const maxAtOnce = 8;
/** What hinders a mount (a registry that is away, a folder that is not there yet) is mended by people: look again this often. Milliseconds. */
const maxPauseMs = 60_000;

/** Mounts of an earlier life that are to come back: each is tried again until it does, or somebody gives it up. */
export class Restores {
  readonly #options: RestoresOptions;
  readonly #waiting = new Map<string, MountRecord>();
  readonly #queue = new PQueue({ concurrency: maxAtOnce });
  readonly #stop = new AbortController();

  constructor(options: RestoresOptions) {
    this.#options = options;
  }

  /** The artifacts of those that have not come back yet. */
  get artifacts(): readonly Digest[] {
    return [...this.#waiting.values()].map((record) => record.artifact);
  }

  /** Whether a mount is to come back there. */
  on(mountpoint: string): MountRecord | undefined {
    return this.#waiting.get(mountpoint);
  }

  /** It is not tried again. */
  giveUp(record: MountRecord): void {
    if (this.#waiting.get(record.mountpoint) === record) this.#waiting.delete(record.mountpoint);
  }

  /** Resolves when each was tried once; what failed is tried again until {@link close}. Never rejects. */
  async run(records: readonly MountRecord[]): Promise<void> {
    for (const record of records) this.#waiting.set(record.mountpoint, record);
    const failed = await Promise.all(records.map(async (record) => ((await this.#try(record)) ? [] : [record])));
    for (const record of failed.flat()) void this.#tryAgain(record);
  }

  close(): void {
    this.#stop.abort();
  }

  /** @returns whether nothing is left to do for it */
  async #try(record: MountRecord): Promise<boolean> {
    return await this.#queue.add(async () => {
      if (this.#isOver(record)) return true;
      const facts = { mountpoint: record.mountpoint, reference: record.address.reference };
      try {
        await this.#options.restore(record);
        this.giveUp(record);
        this.#options.log.info(facts, "mount restored");
        return true;
      } catch (error) {
        if (this.#isOver(record)) return true;
        this.#options.log.error({ err: error, ...facts }, "mount not restored, trying again; unmount it to give it up");
        return false;
      }
    });
  }

  async #tryAgain(record: MountRecord): Promise<void> {
    let pauseMs = this.#options.firstPauseMs ?? 1000;
    let done = false;
    while (!done) {
      await sleep(pauseMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
      done = await this.#try(record);
      pauseMs = Math.min(pauseMs * 2, maxPauseMs);
    }
  }

  #isOver(record: MountRecord): boolean {
    return this.#stop.signal.aborted || this.#waiting.get(record.mountpoint) !== record;
  }
}
