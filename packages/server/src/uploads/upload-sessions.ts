import type { BlobUpload } from "../blobs/registry-blobs.js";
import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";

/** An upload under way, and the repository it goes to. */
export interface UploadSession {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly upload: BlobUpload;
}

interface OpenSession extends UploadSession {
  isBusy: boolean;
  /** Milliseconds of the monotonic clock. */
  lastUsedAt: number;
}

/** How long nobody may touch an upload before it is forgotten: a client that lost its link for a night may go on. Milliseconds. */
const defaultIdleMs = 24 * 60 * 60 * 1000;

/** The uploads of one process, by id. */
export class UploadSessions implements AsyncDisposable {
  readonly #sessions = new Map<string, OpenSession>();
  readonly #idleMs: number;
  readonly #now: () => number;

  constructor(idleMs: number = defaultIdleMs, now: () => number = () => performance.now()) {
    this.#idleMs = idleMs;
    this.#now = now;
  }

  get size(): number {
    return this.#sessions.size;
  }

  open(repository: RepositoryName, upload: BlobUpload): UploadSession {
    const session = { id: upload.id, repository, upload, isBusy: false, lastUsedAt: this.#now() };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** @throws {RegistryError} BLOB_UPLOAD_UNKNOWN when there is none of this id in this repository */
  find(repository: RepositoryName, id: string): UploadSession {
    return this.#find(repository, id);
  }

  /**
   * Does `work` on an upload that nobody else may touch meanwhile.
   * @throws {RegistryError} BLOB_UPLOAD_UNKNOWN, or BLOB_UPLOAD_INVALID (409) while another request works on it
   */
  async use<T>(repository: RepositoryName, id: string, work: (session: UploadSession) => Promise<T>): Promise<T> {
    const session = this.#find(repository, id);
    if (session.isBusy) {
      const message = "another request writes to this upload; wait until it has ended";
      throw new RegistryError("BLOB_UPLOAD_INVALID", message, undefined, { status: 409 });
    }
    session.isBusy = true;
    try {
      return await work(session);
    } finally {
      session.isBusy = false;
      session.lastUsedAt = this.#now();
    }
  }

  /** The upload has come to its end; its id means nothing any more. */
  forget(id: string): void {
    this.#sessions.delete(id);
  }

  /** Cancels the uploads that nobody has touched for too long. @returns how many */
  async expire(): Promise<number> {
    const latest = this.#now() - this.#idleMs;
    const idle = [...this.#sessions.values()].filter((session) => !session.isBusy && session.lastUsedAt <= latest);
    await this.#cancel(idle);
    return idle.length;
  }

  /** Cancels everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cancel([...this.#sessions.values()]);
  }

  async #cancel(sessions: readonly OpenSession[]): Promise<void> {
    for (const session of sessions) {
      this.#sessions.delete(session.id);
      await session.upload.cancel();
    }
  }

  #find(repository: RepositoryName, id: string): OpenSession {
    const session = this.#sessions.get(id);
    if (session === undefined || session.repository !== repository) {
      throw new RegistryError(
        "BLOB_UPLOAD_UNKNOWN",
        "no such upload in this repository; it may have ended or expired",
        {
          upload: id.slice(0, 100),
        },
      );
    }
    return session;
  }
}
