import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import type { SessionState } from "../fuse/index.js";
import { readFileIfPresent } from "../state/whole-file.js";

/** What a daemon leaves for the next one on the same descriptors of /dev/fuse. */
export interface SessionRecord extends SessionState {
  /** Of the descriptors; see {@link AttachedKeeper.token}. */
  readonly token: string;
  /** How many daemons went on with this connection after the one that began it. */
  readonly takeOvers: number;
}

/** Far above that of tens of thousands of disks. Bytes. */
const maxRecordBytes = 16 * 2 ** 20;
const firstInode = 16;

const word = z.int().min(0).max(0xffff_ffff);
const recordSchema: z.ZodType<SessionRecord, unknown> = z.object({
  version: z.literal(1),
  token: z.uuid(),
  takeOvers: z.int().min(0),
  mountpoint: z.string().startsWith("/"),
  init: z.object({
    minor: word,
    maxReadAheadBytes: word,
    maxReadBytes: word,
    flags: word,
    flags2: word,
  }),
  nextInode: word,
  disks: z.array(z.object({ inode: word.min(firstInode), name: z.string().max(200) })),
});

/**
 * The record of the FUSE session in a file. Written at once and not synced: it must outlive this process, and is worthless after a power cut. Read
 * only by a daemon that was given the very descriptors it tells of.
 */
export class SessionRecordFile {
  readonly #path: string;
  constructor(path: string) {
    this.#path = path;
  }

  write(record: SessionRecord): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.new`;
    writeFileSync(temporary, JSON.stringify({ version: 1, ...record }), { mode: 0o600 });
    renameSync(temporary, this.#path);
  }

  /** Undefined when there is none of these descriptors, or none that can be read. */
  async read(token: string): Promise<SessionRecord | undefined> {
    const bytes = await readFileIfPresent(this.#path, maxRecordBytes);
    const record = parse(bytes?.toString("utf8") ?? "");
    return record?.token === token ? record : undefined;
  }
}

function parse(text: string): SessionRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
