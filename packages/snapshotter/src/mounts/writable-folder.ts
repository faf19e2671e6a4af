import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../state/errno.js";
import type { NodePaths } from "../state/node-paths.js";

/** How overlays of this data root are told from those of others in the mount table. */
export const overlaySource = (paths: NodePaths): string => `sluice-${paths.owner}`;

/** What a writable mount keeps on disk: what was written (`upper`), the kernel's own `work`, and a mark once nobody wants it any more. */
export class WritableFolder {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }

  get upper(): string {
    return join(this.path, "upper");
  }

  get work(): string {
    return join(this.path, "work");
  }

  /** @returns whether there was none before: then `upper` wants the attributes of the image's root */
  async make(): Promise<boolean> {
    const isNew = (await mkdir(this.upper, { recursive: true, mode: 0o755 })) !== undefined;
    await mkdir(this.work, { recursive: true, mode: 0o700 });
    return isNew;
  }

  async discard(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /** For what somebody still uses through a detached mount: the next start discards it. */
  async giveUp(): Promise<void> {
    await writeFile(this.#givenUpMark, "", { mode: 0o600 });
  }

  async isGivenUp(): Promise<boolean> {
    return await stat(this.#givenUpMark).then(
      () => true,
      () => false,
    );
  }

  /** Whether nothing was written. */
  async isEmpty(): Promise<boolean> {
    try {
      return (await readdir(this.upper)).length === 0;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return true;
      throw error;
    }
  }

  get #givenUpMark(): string {
    return join(this.path, "given-up");
  }
}
