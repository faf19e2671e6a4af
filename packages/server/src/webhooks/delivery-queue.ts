import type { Page } from "../records/page.js";
import { type Record, RecordConflictError, type Records } from "../records/records.js";
import type { Payload } from "./payload.js";

/** A payload on its way to one webhook. */
export interface Delivery {
  readonly payload: Payload;
  /** Those that were begun. */
  readonly attempts: number;
}

/** What became of a delivery so far. */
export interface DeliveryReport {
  readonly id: string;
  readonly action: string;
  /** `repository:tag` or `repository@digest`; "" of a ping. */
  readonly image: string;
  /** Of the event. RFC 3339. */
  readonly timestamp: string;
  readonly attempts: number;
  /** Of the last answer; without it there was none. */
  readonly httpStatus?: number | undefined;
  /** Why there was no answer. */
  readonly error?: string | undefined;
  readonly state: "waiting" | "delivered" | "given-up";
}

export type DeliveryOutcome = Pick<DeliveryReport, "state" | "httpStatus" | "error">;

/** Of one webhook. */
export interface QueueLimits {
  /** Deliveries that wait; what comes beyond them is given up. Two days of an event every half minute. */
  readonly maxQueued: number;
  /** How many are added, and for how many milliseconds, before they are counted again: a count reads them. */
  readonly countedEvery: number;
  readonly countedEveryMs: number;
  readonly keptReports: number;
}
const defaultLimits: QueueLimits = { maxQueued: 5_000, countedEvery: 100, countedEveryMs: 10_000, keptReports: 1_000 };
const pageLength = 100;

/**
 * The deliveries of each webhook, by when they are due, and the reports of those before. A delivery has one place in the queue: whoever moves it
 * owns it until it is due again, so that no process needs to know of others.
 */
export class DeliveryQueue {
  readonly #records: Records;
  readonly #limits: QueueLimits;
  readonly #onAdded: ((webhook: string) => void)[] = [];
  readonly #counts = new Map<string, { readonly isFull: boolean; readonly atMs: number; addable: number }>();

  constructor(records: Records, limits: QueueLimits = defaultLimits) {
    this.#records = records;
    this.#limits = limits;
  }

  async add(webhook: string, payload: Payload): Promise<void> {
    if (await this.#isFull(webhook)) {
      const error = `${this.#limits.maxQueued} deliveries wait already`;
      return await this.report(webhook, { payload, attempts: 0 }, { state: "given-up", error });
    }
    await this.#records.put(queueOf(webhook), keyOf(Date.now(), payload), { payload, attempts: 0 });
    await this.report(webhook, { payload, attempts: 0 }, { state: "waiting" });
    for (const wake of this.#onAdded) wake(webhook);
  }

  /** Called when this process has added something to the queue of a webhook. */
  onAdded(wake: (webhook: string) => void): void {
    this.#onAdded.push(wake);
  }

  /**
   * Takes the one that is due longest, and puts it back for `leaseMs` later, in case that this process dies over it.
   * @returns undefined when none is due, or another process took it
   */
  async take(webhook: string, leaseMs: number): Promise<Record<Delivery> | undefined> {
    const [first] = await this.#records.list<Delivery>(queueOf(webhook), { limit: 1 });
    if (first === undefined || dueMsOf(first.key) > Date.now()) return undefined;
    const { payload, attempts } = first.document;
    return await this.#move(webhook, first, { payload, attempts: attempts + 1 }, leaseMs);
  }

  /** Puts one that was taken back for later. */
  async postpone(webhook: string, delivery: Record<Delivery>, delayMs: number): Promise<void> {
    await this.#move(webhook, delivery, delivery.document, delayMs);
  }

  async remove(webhook: string, { key }: Record<Delivery>): Promise<void> {
    await this.#records.delete(queueOf(webhook), key);
  }

  async report(webhook: string, { attempts, payload }: Delivery, outcome: DeliveryOutcome): Promise<void> {
    const { action, id, target, timestamp } = payload;
    const image = target === undefined ? "" : nameOf(target);
    const report: DeliveryReport = { id, action, image, timestamp, attempts, ...outcome };
    await this.#records.put(historyOf(webhook), id, report);
  }

  /** From the last to the first. */
  async reports(webhook: string, page: Page): Promise<readonly DeliveryReport[]> {
    const found = await this.#records.list<DeliveryReport>(historyOf(webhook), { ...page, isDescending: true });
    return found.map(({ document }) => document);
  }

  /** Removes the oldest reports. */
  async prune(webhook: string): Promise<void> {
    const { keptReports } = this.#limits;
    const kept = await this.#records.list(historyOf(webhook), { limit: keptReports, isDescending: true });
    const oldest = kept.at(-1);
    if (kept.length === keptReports) await this.#clear(historyOf(webhook), { after: oldest?.key, isDescending: true });
  }

  /** Forgets all of a webhook that is no more. */
  async forget(webhook: string): Promise<void> {
    await this.#clear(queueOf(webhook), {});
    await this.#clear(historyOf(webhook), {});
    this.#counts.delete(webhook);
  }

  /** As it was when it was counted last. What is refused leaves reports, too. */
  async #isFull(webhook: string): Promise<boolean> {
    const { countedEvery, countedEveryMs, maxQueued } = this.#limits;
    const known = this.#counts.get(webhook);
    if (known !== undefined && known.addable-- > 0 && performance.now() - known.atMs < countedEveryMs)
      return known.isFull;
    let queued = 0;
    for (let after: string | undefined; queued < maxQueued; ) {
      const page = await this.#records.list(queueOf(webhook), { after, limit: pageLength });
      queued += page.length;
      after = page.at(-1)?.key;
      if (page.length < pageLength) break;
    }
    const isFull = queued >= maxQueued;
    if (isFull) await this.prune(webhook);
    this.#counts.set(webhook, { isFull, atMs: performance.now(), addable: countedEvery - 1 });
    return isFull;
  }

  /** @returns undefined when another process did it first */
  async #move(webhook: string, from: Record<Delivery>, document: Delivery, delayMs: number) {
    const kind = queueOf(webhook);
    const key = keyOf(Date.now() + delayMs, document.payload);
    try {
      await this.#records.write([
        { kind, key: from.key, document: undefined, version: from.version },
        { kind, key, document, version: 0 },
      ]);
      return { key, version: 1, document };
    } catch (error) {
      if (error instanceof RecordConflictError) return undefined;
      throw error;
    }
  }

  async #clear(kind: string, where: { readonly after?: string | undefined; readonly isDescending?: boolean }) {
    for (;;) {
      const page = await this.#records.list(kind, { ...where, limit: pageLength });
      if (page.length === 0) return;
      await this.#records.write(page.map(({ key }) => ({ kind, key, document: undefined })));
    }
  }
}

const queueOf = (webhook: string): string => `delivery/${webhook}`;
const historyOf = (webhook: string): string => `delivery-report/${webhook}`;

/** Sorts by when it is due: milliseconds of 15 digits last to the year 33658. */
const keyOf = (dueMs: number, { id }: Payload): string => `${String(dueMs).padStart(15, "0")}.${id}`;
const dueMsOf = (key: string): number => Number(key.slice(0, 15));

const nameOf = ({ digest, repository, tag }: NonNullable<Payload["target"]>): string =>
  tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`;
