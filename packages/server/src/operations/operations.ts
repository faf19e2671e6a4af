import type { Digest } from "@sluice/oci";
import { type Record, type RecordChange, RecordConflictError, type Records } from "../records/records.js";
import { timeOrderedId } from "../records/time-ordered-id.js";
import { isOngoing, type Operation } from "./operation.js";

/** Kinds of records: all operations by id; the ids of those that go on; the last operation of each image. */
const kinds = { operation: "operation", queue: "operation-queue", ofImage: "operation-of-image" } as const;

/** What is to be converted, and for whom. */
export type OperationRequest = Pick<Operation, "repository" | "digest" | "tag" | "cause" | "isForced" | "caller">;

/** An operation and the version that its next writer must name. */
export type KnownOperation = Record<Operation>;

/** Which operations a list holds; all that is left out matches. */
export type OperationFilter = (operation: Operation) => boolean;

const maxTries = 20;
const scanLength = 200;
/** Most who look take one of the first. */
const queuePageLength = 50;

/**
 * The operations of a registry, in its records, for any number of processes. Who changes one names the version that it knows, so that of two
 * one wins; the queue and the last operation of an image change in the same step as the operation.
 */
export class Operations {
  readonly #records: Records;
  readonly #onQueued: (() => void)[] = [];

  constructor(records: Records) {
    this.#records = records;
  }

  /** Called when this process has queued an operation, or wants one to end. */
  onQueued(wake: () => void): void {
    this.#onQueued.push(wake);
  }

  /** A new operation, or the one of this image that goes on already: an image is never converted twice at once. */
  async request(wanted: OperationRequest): Promise<{ readonly operation: Operation; readonly isNew: boolean }> {
    for (let tries = 0; ; tries++) {
      const imageKey = imageKeyOf(wanted.repository, wanted.digest);
      const last = await this.#records.get<{ readonly id: string }>(kinds.ofImage, imageKey);
      const ongoing = last && (await this.get(last.document.id))?.document;
      if (ongoing !== undefined && isOngoing(ongoing)) return { operation: ongoing, isNew: false };
      const operation: Operation = {
        id: timeOrderedId(),
        ...wanted,
        status: "NotStarted",
        progressPercent: 0,
        createdAt: new Date().toISOString(),
        attempts: 0,
      };
      const changes: readonly RecordChange[] = [
        { kind: kinds.operation, key: operation.id, document: operation, version: 0 },
        { kind: kinds.queue, key: operation.id, document: {}, version: 0 },
        { kind: kinds.ofImage, key: imageKey, document: { id: operation.id }, version: last?.version ?? 0 },
      ];
      try {
        await this.#records.write(changes);
      } catch (error) {
        // Somebody else asked for the same image at the same moment: theirs is looked at next.
        if (error instanceof RecordConflictError && tries < maxTries) continue;
        throw error;
      }
      this.#wake();
      return { operation, isNew: true };
    }
  }

  async get(id: string): Promise<KnownOperation | undefined> {
    return await this.#records.get<Operation>(kinds.operation, id);
  }

  /** The last operation of an image, finished or not. */
  async lastOf(repository: string, digest: Digest): Promise<Operation | undefined> {
    const last = await this.#records.get<{ readonly id: string }>(kinds.ofImage, imageKeyOf(repository, digest));
    return last && (await this.get(last.document.id))?.document;
  }

  /** The newest first. `after` is the id that the page before ended with. */
  async list(
    isWanted: OperationFilter,
    { after, limit }: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<readonly Operation[]> {
    const found: Operation[] = [];
    for (let last = after; found.length < limit; ) {
      const page = await this.#records.list<Operation>(kinds.operation, {
        after: last,
        limit: scanLength,
        isDescending: true,
      });
      for (const { document } of page) if (isWanted(document)) found.push(document);
      last = page.at(-1)?.key;
      if (page.length < scanLength) break;
    }
    return found.slice(0, limit);
  }

  /** Those that go on, the oldest first, read page by page as they are asked for. */
  async *queued(): AsyncGenerator<KnownOperation> {
    for (let after: string | undefined; ; ) {
      const ids = await this.#records.list(kinds.queue, { after, limit: queuePageLength });
      const found = await Promise.all(ids.map(({ key }) => this.get(key)));
      yield* found.filter((operation) => operation !== undefined);
      after = ids.at(-1)?.key;
      if (ids.length < queuePageLength) return;
    }
  }

  /** Writes an operation as it has become. @returns its version @throws {RecordConflictError} when `known` is not what is there */
  async change(known: KnownOperation, changed: Partial<Operation>): Promise<KnownOperation> {
    const document: Operation = { ...known.document, ...changed };
    const changes: RecordChange[] = [{ kind: kinds.operation, key: known.key, document, version: known.version }];
    if (!isOngoing(document)) changes.push({ kind: kinds.queue, key: known.key, document: undefined });
    await this.#records.write(changes);
    return { key: known.key, version: known.version + 1, document };
  }

  /**
   * Ends an operation that has not started; asks the worker of one that runs to end it, which it does unless the artifact is there first.
   * @returns the operation as it is then; undefined when there is none of that id
   */
  async cancel(id: string): Promise<Operation | undefined> {
    for (let tries = 0; ; tries++) {
      const known = await this.get(id);
      if (known === undefined || !isOngoing(known.document)) return known?.document;
      const changed: Partial<Operation> =
        known.document.status === "Running"
          ? { isCancelRequested: true }
          : { status: "Canceled", finishedAt: new Date().toISOString() };
      try {
        const { document } = await this.change(known, changed);
        this.#wake();
        return document;
      } catch (error) {
        if (!(error instanceof RecordConflictError) || tries === maxTries) throw error;
      }
    }
  }

  /** Forgets those that ended before `beforeMs` (milliseconds since 1970), and of the others the oldest beyond `keep`. @returns how many */
  async forget(beforeMs: number, keep: number, signal?: AbortSignal): Promise<number> {
    const before = new Date(beforeMs).toISOString();
    let [kept, forgotten] = [0, 0];
    for (let after: string | undefined; ; ) {
      signal?.throwIfAborted();
      const page = await this.#records.list<Operation>(kinds.operation, {
        after,
        limit: scanLength,
        isDescending: true,
      });
      for (const known of page) {
        const { finishedAt } = known.document;
        if (finishedAt === undefined || (finishedAt >= before && ++kept <= keep)) continue;
        await this.#forget(known);
        forgotten++;
      }
      after = page.at(-1)?.key;
      if (page.length < scanLength) return forgotten;
    }
  }

  async #forget({ key, document }: KnownOperation): Promise<void> {
    const imageKey = imageKeyOf(document.repository, document.digest);
    const last = await this.#records.get<{ readonly id: string }>(kinds.ofImage, imageKey);
    const isLast = last?.document.id === key;
    await this.#records.write([
      { kind: kinds.operation, key, document: undefined },
      ...(isLast ? [{ kind: kinds.ofImage, key: imageKey, document: undefined, version: last.version }] : []),
    ]);
  }

  #wake(): void {
    for (const wake of this.#onQueued) wake();
  }
}

/** Neither holds a space. */
const imageKeyOf = (repository: string, digest: Digest): string => `${repository} ${digest}`;
