import type { Logger } from "pino";
import type { NewRecord, Record, Records } from "../records/records.js";
import { timeOrderedId } from "../records/time-ordered-id.js";
import type { EventListener, RegistryEvent } from "./registry-event.js";

/** What is known of a change before it is made. */
export type ChangeFacts = Omit<RegistryEvent, "id" | "tag" | "isNew" | "time">;

/** Events of one change that is being made. */
export interface PendingEvents {
  /** What to write with the change, in one step. */
  records(isNew: boolean): readonly NewRecord[];
  /** Tells the listeners, if the change was made. Never rejects: what could not be told is told later. @returns their sentences */
  tell(): Promise<readonly string[]>;
}

/** Records of this kind are events that some listener has not had yet. */
const kind = "event";
const pageLength = 100;
/** What no listener took for so long will not be taken. Milliseconds. */
const patienceMs = 24 * 60 * 60 * 1000;

/**
 * Tells listeners of changes, at least once. A process that dies between a change and the listeners leaves the record that was written with the
 * change; {@link tellAgain} finds it, at the next start or in another process.
 */
export class EventOutbox {
  readonly #records: Records;
  readonly #log: Logger;
  readonly #listeners: EventListener[] = [];

  constructor(records: Records, log: Logger) {
    this.#records = records;
    this.#log = log;
  }

  /** From now on; whoever wants every event listens before the first request is answered. */
  listen(listener: EventListener): void {
    this.#listeners.push(listener);
  }

  /** One event for each tag, or one without. */
  begin(facts: ChangeFacts, tags: readonly string[]): PendingEvents {
    let events: readonly RegistryEvent[] = [];
    return {
      records: (isNew) => {
        const time = new Date().toISOString();
        const all = tags.length === 0 ? [undefined] : tags;
        events = all.map((tag, at) => ({
          ...facts,
          ...{ id: timeOrderedId(), time, isNew: isNew && at === 0 },
          ...(tag !== undefined && { tag }),
        }));
        return events.map((event) => ({ kind, key: event.id, document: event }));
      },
      tell: async () => {
        const remarks: string[] = [];
        for (const event of events) remarks.push(...(await this.#tell(event)));
        return remarks;
      },
    };
  }

  /** Tells what was left untold for `olderThanMs`: younger ones are being told by whoever made the change, in this process or another. */
  async tellAgain(olderThanMs: number, signal?: AbortSignal): Promise<void> {
    for (let after: string | undefined; ; ) {
      const page: readonly Record<RegistryEvent>[] = await this.#records.list(kind, { after, limit: pageLength });
      for (const { document } of page) {
        signal?.throwIfAborted();
        if (Date.now() - Date.parse(document.time) >= olderThanMs) await this.#tell(document);
      }
      after = page.at(-1)?.key;
      if (page.length < pageLength) return;
    }
  }

  async #tell(event: RegistryEvent): Promise<readonly string[]> {
    const remarks: string[] = [];
    let isTold = true;
    for (const listener of this.#listeners) {
      try {
        const remark = await listener(event);
        if (remark !== undefined) remarks.push(remark);
      } catch (error) {
        isTold = Date.now() - Date.parse(event.time) > patienceMs;
        const next = isTold ? "it is given up" : "it is told again later";
        this.#log.warn({ err: error, event }, `a listener did not take an event; ${next}`);
      }
    }
    try {
      if (isTold) await this.#records.delete(kind, event.id);
    } catch (error) {
      this.#log.warn({ err: error, event }, "an event was told and stays; it is told again later");
    }
    return remarks;
  }
}
