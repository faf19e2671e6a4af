import type { ContentDigest } from "@sluice/oci";
import type { Records } from "../records/records.js";

const kind = "upstream-image";

/** The images of other registries that are dealt with: those that were there when their repository became active, were converted, or cannot be. */
export class SeenImages {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  async has(repository: string, digest: ContentDigest): Promise<boolean> {
    return (await this.#records.get(kind, keyOf(repository, digest))) !== undefined;
  }

  /** Again: nothing. */
  async note(repository: string, digest: ContentDigest): Promise<void> {
    if (!(await this.has(repository, digest))) await this.#records.put(kind, keyOf(repository, digest), {});
  }
}

/** Neither holds a space. */
const keyOf = (repository: string, digest: ContentDigest): string => `${repository} ${digest}`;
