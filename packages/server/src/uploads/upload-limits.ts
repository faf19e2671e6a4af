import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";

/** What clients may make a registry hold for them. */
export interface UploadLimits {
  /** Of one blob. */
  readonly maxBlobBytes: number;
  /** Uploads that have begun and not ended. */
  readonly maxOpenInRepository: number;
  readonly maxOpen: number;
}

export const defaultUploadLimits: UploadLimits = {
  maxBlobBytes: 64 * 1024 ** 3, // layers of machine learning images reach tens of GiB
  maxOpenInRepository: 1_000,
  maxOpen: 5_000,
};

/** The same bytes, up to a blob's limit. @param takenBytes what the upload has already @throws {RegistryError} SIZE_INVALID with 413 */
export async function* bounded(
  source: AsyncIterable<Uint8Array>,
  takenBytes: number,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let sizeBytes = takenBytes;
  for await (const piece of source) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > maxBytes) {
      throw new RegistryError("SIZE_INVALID", `a blob may have ${maxBytes} bytes here`, { maxBytes }, { status: 413 });
    }
    yield piece;
  }
}

/** The open uploads by repository, and whether there may be one more. */
export class OpenUploads {
  readonly #limits: UploadLimits;
  readonly #repositories = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(limits: UploadLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#repositories.size;
  }

  ids(): Iterable<string> {
    return this.#repositories.keys();
  }

  isFull(repository: RepositoryName): boolean {
    return this.#fullness(repository) !== undefined;
  }

  /** @throws {RegistryError} TOOMANYREQUESTS */
  admit(repository: RepositoryName, id: string): void {
    const full = this.#fullness(repository);
    if (full !== undefined) throw new RegistryError("TOOMANYREQUESTS", `${full}; finish or cancel some, or wait a day`);
    this.add(repository, id);
  }

  /** Without asking: it was there before this process, or is another's. Again: nothing. */
  add(repository: string, id: string): void {
    if (this.#repositories.has(id)) return;
    this.#repositories.set(id, repository);
    this.#counts.set(repository, (this.#counts.get(repository) ?? 0) + 1);
  }

  remove(id: string): void {
    const repository = this.#repositories.get(id);
    if (repository === undefined) return;
    this.#repositories.delete(id);
    const left = (this.#counts.get(repository) ?? 1) - 1;
    if (left > 0) this.#counts.set(repository, left);
    else this.#counts.delete(repository);
  }

  #fullness(repository: RepositoryName): string | undefined {
    const { maxOpen, maxOpenInRepository } = this.#limits;
    if (this.count >= maxOpen) return `the registry has ${maxOpen} unfinished uploads`;
    if ((this.#counts.get(repository) ?? 0) < maxOpenInRepository) return undefined;
    return `${repository} has ${maxOpenInRepository} unfinished uploads`;
  }
}
