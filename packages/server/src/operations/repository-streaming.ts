import type { ConversionErrorCode } from "@sluice/converter";
import type { ContentDigest } from "@sluice/oci";
import { type Record, RecordConflictError, type Records } from "../records/records.js";
import { RegistryError } from "../registry/registry-error.js";

/** Whether what is pushed into a repository is converted by itself. */
export const streamingStates = ["Active", "Inactive"] as const;
export type StreamingState = (typeof streamingStates)[number];

/** A push that would have been converted if the image were one that can be. */
export interface SkippedPush {
  readonly digest: ContentDigest;
  readonly tag?: string | undefined;
  readonly code: ConversionErrorCode;
  readonly message: string;
  /** RFC 3339 */
  readonly time: string;
}

/** What is remembered of a repository's streaming. */
export interface RepositoryStreaming {
  readonly streaming: StreamingState;
  /** The newest first. */
  readonly skipped: readonly SkippedPush[];
}

interface Named {
  readonly name: string;
  readonly streaming: StreamingState;
}

const kind = "repository-streaming";
const pageLength = 200;
/** Of each repository: the last ones tell what is wrong. */
const maxSkipped = 20;
const maxTries = 20;
const inactive: RepositoryStreaming = { streaming: "Inactive", skipped: [] };

/** The streaming of each repository. AS15: inactive until somebody says otherwise; then for what is pushed later, never for what is there. AS19 */
export class RepositoryStreamings {
  readonly #records: Records;
  readonly #isEnabled: boolean;

  /** @param isEnabled false where the registry converts nothing at all */
  constructor(records: Records, isEnabled: boolean) {
    this.#records = records;
    this.#isEnabled = isEnabled;
  }

  async of(repository: string): Promise<RepositoryStreaming> {
    const found = (await this.#find(repository))?.document ?? inactive;
    return this.#isEnabled ? found : { ...found, streaming: "Inactive" };
  }

  /** AS34 @throws {RegistryError} where the registry converts nothing */
  demandEnabled(): void {
    if (this.#isEnabled) return;
    throw new RegistryError(
      "UNSUPPORTED",
      "streaming is turned off in this registry's configuration (serve.streaming: false)",
    );
  }

  /** Whether anything was ever said of the repository. */
  async knows(repository: string): Promise<boolean> {
    return (await this.#find(repository)) !== undefined;
  }

  /** Those that anything was ever said of whose names begin with `prefix/`, by name. */
  async *below(prefix: string, after?: string): AsyncGenerator<Named> {
    const [start, end] = [`${prefix}/`, `${prefix}0`]; // "0" comes behind "/"
    for (let last = after !== undefined && after > start ? after : start; ; ) {
      const page = await this.#records.list<RepositoryStreaming>(kind, { after: last, limit: pageLength });
      for (const { key, document } of page) {
        if (key >= end) return;
        yield { name: key, streaming: this.#isEnabled ? document.streaming : "Inactive" };
      }
      if (page.length < pageLength) return;
      last = page.at(-1)?.key ?? end;
    }
  }

  /** @throws {RegistryError} as {@link demandEnabled} */
  async set(repository: string, streaming: StreamingState): Promise<RepositoryStreaming> {
    if (streaming === "Active") this.demandEnabled();
    return await this.#change(repository, (before) => ({ ...before, streaming }));
  }

  /** Of an image that is skipped again only the last time is kept. */
  async skip(repository: string, push: SkippedPush): Promise<void> {
    await this.#change(repository, (before) => ({
      ...before,
      skipped: [push, ...before.skipped.filter(({ digest }) => digest !== push.digest)].slice(0, maxSkipped),
    }));
  }

  async #find(repository: string): Promise<Record<RepositoryStreaming> | undefined> {
    return await this.#records.get<RepositoryStreaming>(kind, repository);
  }

  async #change(
    repository: string,
    change: (before: RepositoryStreaming) => RepositoryStreaming,
  ): Promise<RepositoryStreaming> {
    for (let tries = 0; ; tries++) {
      const found = await this.#find(repository);
      const document = change(found?.document ?? inactive);
      try {
        await this.#records.put(kind, repository, document, found?.version ?? 0);
        return document;
      } catch (error) {
        if (!(error instanceof RecordConflictError) || tries === maxTries) throw error;
      }
    }
  }
}
