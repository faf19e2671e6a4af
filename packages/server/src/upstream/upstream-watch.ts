import { type ContentDigest, isNotFound } from "@sluice/oci";
import PQueue from "p-queue";
import type { Logger } from "pino";
import { convertNew } from "../operations/convert-new.js";
import type { Operations } from "../operations/operations.js";
import type { RepositoryStreamings } from "../operations/repository-streaming.js";
import type { StoredImages } from "../operations/stored-images.js";
import { parseTag, type Tag } from "../registry/manifest-reference.js";
import { parseRepositoryName, type RepositoryName } from "../registry/repository-name.js";
import type { SeenImages } from "./seen-images.js";
import type { UpstreamRepository } from "./upstream-repository.js";
import type { Upstreams } from "./upstreams.js";

export interface WatchPlaces {
  readonly upstreams: Upstreams;
  readonly streamings: RepositoryStreamings;
  readonly operations: Operations;
  readonly images: StoredImages;
  readonly seen: SeenImages;
}

/** Repositories that are looked at at once, and tags of each. The other registry counts its requests, too. */
const parallelLooks = 2;
const parallelTags = 4;
/** `sha256-…`: lists of referrers where a registry has none of its own, and signatures. Never images. */
const isBookkeeping = (tag: string): boolean => /^sha256-[0-9a-f]{64}/.test(tag);

/**
 * Looks again and again at the repositories of other registries where streaming is active, and queues conversions of what is new there. An image is dealt with
 * once, and noted then: whoever dies before that does it again, which does no harm (see {@link convertNew}).
 */
export class UpstreamWatch implements AsyncDisposable {
  readonly #places: WatchPlaces;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #queue = new PQueue({ concurrency: parallelLooks });
  /** Names that wait for a look. */
  readonly #waiting = new Set<RepositoryName>();
  readonly #looking = new Set<RepositoryName>();
  readonly #problems = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #listing: Promise<void> | undefined;

  constructor(places: WatchPlaces, log: Logger) {
    this.#places = places;
    this.#log = log;
  }

  /** Looks at once, then every `pollMs` milliseconds. */
  start(pollMs: number): void {
    if (this.#places.upstreams.prefixes.length === 0) return;
    this.#timer = setInterval(() => this.#lookAtAll(), pollMs);
    this.#timer.unref();
    this.#lookAtAll();
  }

  /** Something may be new there: looks as soon as may be, also when a look goes on that may have missed it. Nothing where streaming is not active. */
  wake(repository: RepositoryName): void {
    if (this.#stop.signal.aborted || this.#waiting.has(repository)) return;
    this.#waiting.add(repository);
    if (!this.#looking.has(repository)) void this.#queue.add(() => this.#look(repository));
  }

  /** Why the last look at a repository failed; undefined when it did not. */
  problemOf(repository: string): string | undefined {
    return this.#problems.get(repository);
  }

  /** Notes all that a repository holds as dealt with: what comes later is new (AS19). @throws {RegistryError} when the other registry does not tell */
  async passOver(repository: RepositoryName, signal: AbortSignal): Promise<void> {
    const { seen, upstreams } = this.#places;
    const there = upstreams.open(repository);
    if (there === undefined) return;
    await eachImage(there, signal, (digest) => seen.note(repository, digest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort(new Error("the registry stops"));
    await this.#listing;
    await this.#queue.onIdle();
  }

  #lookAtAll(): void {
    this.#listing ??= this.#wakeAll().finally(() => {
      this.#listing = undefined;
    });
  }

  async #wakeAll(): Promise<void> {
    const { upstreams, streamings } = this.#places;
    try {
      for (const prefix of upstreams.prefixes) {
        for await (const { name, streaming } of streamings.below(prefix)) {
          if (streaming === "Active") this.wake(parseRepositoryName(name));
        }
      }
    } catch (error) {
      this.#log.warn({ err: error }, "cannot tell which upstream repositories are active; it is tried again");
    }
  }

  async #look(repository: RepositoryName): Promise<void> {
    this.#waiting.delete(repository);
    this.#looking.add(repository);
    try {
      await this.#convertNew(repository);
      if (this.#problems.delete(repository)) this.#log.info({ repository }, "upstream answers again");
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#note(repository, error);
    } finally {
      this.#looking.delete(repository);
      if (this.#waiting.delete(repository)) this.wake(repository);
    }
  }

  async #convertNew(repository: RepositoryName): Promise<void> {
    const { upstreams, streamings, seen } = this.#places;
    const { signal } = this.#stop;
    signal.throwIfAborted();
    const there = upstreams.open(repository);
    if (there === undefined || (await streamings.of(repository)).streaming !== "Active") return;
    await eachImage(there, signal, async (digest, tag) => {
      if (await seen.has(repository, digest)) return;
      const image = { repository, digest, tag, via: "push", caller: "", time: new Date().toISOString() } as const;
      await convertNew(this.#places, image, { signal });
      await seen.note(repository, digest);
    });
  }

  /** One line for a fault that stays, not one for each look. */
  #note(repository: RepositoryName, error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (this.#problems.get(repository) !== problem) {
      this.#log.warn({ err: error, repository }, "cannot look for new images at an upstream; it is tried again");
    }
    this.#problems.set(repository, problem);
  }
}

/** Each tag and what it points at; a registry without the repository has no tags. The first fault ends it. */
async function eachImage(
  there: UpstreamRepository,
  signal: AbortSignal,
  visit: (digest: ContentDigest, tag: Tag) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const queue = new PQueue({ concurrency: parallelTags });
  const visitTag = async (text: string): Promise<void> => {
    try {
      const tag = parseTag(text);
      const digest = await there.digestOf({ kind: "tag", tag }, { signal: either });
      if (digest !== undefined) await visit(digest, tag);
    } catch (error) {
      failed.abort(error);
    }
  };
  try {
    for await (const text of there.tags({ signal: either })) {
      if (isBookkeeping(text)) continue;
      await queue.onSizeLessThan(parallelTags);
      void queue.add(() => visitTag(text));
    }
  } catch (error) {
    if (!isNotFound(error)) failed.abort(error);
  }
  await queue.onIdle();
  either.throwIfAborted();
}
