import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, parseDigest } from "@sluice/oci";
import { z } from "zod";
import type { ImageAddress } from "../control/api.js";
import { imageAddressSchema } from "../control/api-schemas.js";
import { isErrno } from "../state/errno.js";
import type { ProcessIdentity } from "../state/process-identity.js";
import { readFileIfPresent, removeTemporaries, writeWholeFile } from "../state/whole-file.js";

/** A mount that was asked for: written before the kernel is, removed after the kernel has let go of it. */
export interface MountRecord {
  readonly id: string;
  readonly address: ImageAddress;
  /** Absolute, symlinks resolved. */
  readonly mountpoint: string;
  /** Digest of the artifact whose disk it shows. */
  readonly artifact: Digest;
  /** The driver that was chosen, and why. */
  readonly driver: string;
  readonly reason: string;
  readonly writable: boolean;
  /** RFC 3339. */
  readonly since: string;
  /** Of a container: who runs it. When that process is gone, so is the mount. */
  readonly owner?: ProcessIdentity | undefined;
}

/** A record that cannot be read. It is left where it is, for a person to look at. */
export interface JournalProblem {
  readonly path: string;
  readonly message: string;
}

const maxRecordBytes = 64 * 1024;

const recordSchema: z.ZodType<MountRecord, unknown> = z.object({
  id: z.uuid(),
  address: imageAddressSchema,
  mountpoint: z.string().startsWith("/"),
  artifact: z.string().transform((text) => parseDigest(text, "record of a mount")),
  driver: z.string(),
  reason: z.string(),
  writable: z.boolean(),
  since: z.iso.datetime(),
  owner: z.object({ pid: z.int(), startTicks: z.number(), bootId: z.string() }).optional(),
});

/** The mounts of a node as files, one each, so that the next daemon knows what the last one left. */
export class MountJournal {
  readonly #folder: string;
  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(record: MountRecord): Promise<void> {
    await writeWholeFile(this.#path(record.id), JSON.stringify(record));
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  /** In the order they were made. */
  async read(): Promise<{ records: MountRecord[]; problems: JournalProblem[] }> {
    await removeTemporaries(this.#folder);
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    });
    const records: MountRecord[] = [];
    const problems: JournalProblem[] = [];
    for (const name of names) {
      const path = join(this.#folder, name);
      try {
        const bytes = await readFileIfPresent(path, maxRecordBytes);
        records.push(recordSchema.parse(JSON.parse(bytes?.toString("utf8") ?? "")));
      } catch (error) {
        problems.push({ path, message: error instanceof Error ? error.message : String(error) });
      }
    }
    records.sort((a, b) => a.since.localeCompare(b.since));
    return { records, problems };
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}
