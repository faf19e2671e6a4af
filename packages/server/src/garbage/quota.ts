import type { BlobStore } from "@sluice/store";
import { LRUCache } from "lru-cache";
import type { MetadataStore } from "../metadata/metadata-store.js";
import type { Records } from "../records/records.js";
import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";
import { Allowance, type AllowanceConfig, defaultAllowance, type QuotaSettings, unlimited } from "./allowance.js";
import { usageOf } from "./usage.js";

export interface QuotaPlaces {
  readonly records: Records;
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
}

const [kind, key] = ["setting", "quota"];
const repositoryKind = "repository-quota";
/** Repositories whose use is known at once; of others it is summed again. */
const maxRemembered = 1000;

/** Refuses bytes beyond what the registry may store, and beyond what each of its repositories may hold: there a blob counts once in each. AS4 */
export class Quota {
  readonly #places: QuotaPlaces;
  readonly #config: AllowanceConfig;
  readonly #whole: Allowance;
  readonly #ofRepositories = new LRUCache<RepositoryName, Allowance>({ max: maxRemembered });

  constructor(places: QuotaPlaces, config: AllowanceConfig = defaultAllowance) {
    this.#places = places;
    this.#config = config;
    this.#whole = new Allowance(
      { settings: () => this.settings(), sum: () => this.#storedBytes(), refusal: registryFull },
      config,
    );
  }

  /** Of a repository; without one, of the registry. */
  async settings(repository?: RepositoryName): Promise<QuotaSettings> {
    const { records } = this.#places;
    const found = await (repository === undefined
      ? records.get<QuotaSettings>(kind, key)
      : records.get<QuotaSettings>(repositoryKind, repository));
    return found?.document ?? unlimited;
  }

  /** @param repository as {@link settings} */
  async change(settings: QuotaSettings, repository?: RepositoryName): Promise<void> {
    const { records } = this.#places;
    await (repository === undefined
      ? records.put(kind, key, settings)
      : records.put(repositoryKind, repository, settings));
    (repository === undefined ? this.#whole : this.#of(repository)).forgetSettings();
  }

  /** The same bytes. @throws {RegistryError} DENIED once the registry or the repository is full */
  async *bounded(repository: RepositoryName, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const ofRepository = this.#of(repository);
    for await (const piece of source) {
      await ofRepository.take(piece.byteLength);
      await this.#whole.take(piece.byteLength);
      yield piece;
    }
  }

  /** Bytes that are stored already and come into a repository. @throws {RegistryError} DENIED once it is full */
  async admit(repository: RepositoryName, bytes: number): Promise<void> {
    await this.#of(repository).take(bytes);
  }

  /** A sentence for whoever pushes, when little is left. */
  async remark(repository: RepositoryName): Promise<string | undefined> {
    for (const [who, allowance] of [
      ["the registry", this.#whole],
      [repository, this.#of(repository)],
    ] as const) {
      const warning = await allowance.warning();
      if (warning === undefined) continue;
      const { maxBytes, percent } = warning;
      return `${who} holds ${percent} % of its quota of ${maxBytes} bytes; pushes beyond it are refused`;
    }
    return undefined;
  }

  /** Something was removed: what is stored is summed anew when it counts next. */
  forgetSum(): void {
    this.#whole.forgetSum();
    for (const allowance of this.#ofRepositories.values()) allowance.forgetSum();
  }

  #of(repository: RepositoryName): Allowance {
    const known = this.#ofRepositories.get(repository);
    if (known !== undefined) return known;
    const allowance = new Allowance(
      {
        settings: () => this.settings(repository),
        sum: () => this.#heldBytes(repository),
        refusal: (maxBytes, usedBytes) => repositoryFull(repository, maxBytes, usedBytes),
      },
      this.#config,
    );
    this.#ofRepositories.set(repository, allowance);
    return allowance;
  }

  async #storedBytes(): Promise<number> {
    let bytes = 0;
    for await (const { sizeBytes } of this.#places.blobs.list()) bytes += sizeBytes;
    return bytes;
  }

  async #heldBytes(repository: RepositoryName): Promise<number> {
    const { metadata, blobs } = this.#places;
    const { originalBytes, streamingBytes, unusedBytes } = await usageOf(metadata, blobs, repository);
    return originalBytes + streamingBytes + unusedBytes;
  }
}

const registryFull = (maxBytes: number, usedBytes: number): RegistryError =>
  new RegistryError(
    "DENIED",
    `the registry's quota of ${maxBytes} bytes is used up: delete images and run \`sluice registry gc\`, or have it raised (\`sluice usage quota\`)`,
    { maxBytes, usedBytes },
  );

const repositoryFull = (repository: string, maxBytes: number, usedBytes: number): RegistryError =>
  new RegistryError(
    "DENIED",
    `the quota of ${repository}, ${maxBytes} bytes, is used up: delete images of it and run \`sluice registry gc\`, or have it raised (\`sluice usage quota --repository ${repository}\`)`,
    { repository, maxBytes, usedBytes },
  );
