import { type AddressRule, DocumentSender } from "@sluice/oci";
import type { Logger } from "pino";
import type { Record } from "../records/records.js";
import type { Delivery, DeliveryOutcome, DeliveryQueue } from "./delivery-queue.js";
import { type Payload, signatureOf } from "./payload.js";
import type { Webhook } from "./webhook.js";
import type { Webhooks } from "./webhooks.js";

export interface DeliveryPlaces {
  readonly webhooks: Webhooks;
  readonly queue: DeliveryQueue;
  /** Where webhooks may lead. */
  readonly addresses: AddressRule;
}

export interface DeliveriesConfig {
  /** Pauses after each attempt that failed; after the last one it is given up. Milliseconds. */
  readonly retryDelaysMs: readonly number[];
  /** How often queues are looked at without being told to: for what is due again, and what other processes added. Milliseconds. */
  readonly pollMs: number;
  /** How long a receiver may think. Milliseconds. */
  readonly answerMs: number;
}

const minuteMs = 60_000;
const defaultDeliveries: DeliveriesConfig = {
  // A receiver that is started anew misses seconds, one that is down over night hours; two days in all.
  retryDelaysMs: [1 / 30, 1 / 6, 1, 5, 30, 120, 720, 1440].map((minutes) => minutes * minuteMs),
  pollMs: 2_000,
  answerMs: 10_000,
};

/** Empties the queues: one delivery after another to each webhook, all of them side by side. */
export class Deliveries implements AsyncDisposable {
  readonly #queue: DeliveryQueue;
  readonly #webhooks: Webhooks;
  readonly #config: DeliveriesConfig;
  readonly #log: Logger;
  readonly #sender: DocumentSender;
  readonly #stop = new AbortController();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    { addresses, queue, webhooks }: DeliveryPlaces,
    log: Logger,
    config: DeliveriesConfig = defaultDeliveries,
  ) {
    this.#queue = queue;
    this.#webhooks = webhooks;
    this.#config = config;
    this.#log = log;
    this.#sender = new DocumentSender({ addresses, answerMs: config.answerMs });
    this.#timer = setInterval(() => this.#wakeAll(), config.pollMs);
    this.#timer.unref();
    queue.onAdded((webhook) => this.#wake(webhook));
  }

  /** Ends what is under way; it is sent again later. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await Promise.all(this.#busy.values());
    await this.#sender[Symbol.asyncDispose]();
  }

  #wakeAll(): void {
    const woken = this.#webhooks.list().then((all) => {
      for (const { key } of all) this.#wake(key);
    });
    woken.catch((error: unknown) =>
      this.#log.warn({ err: error }, "cannot read the webhooks; they are read again later"),
    );
  }

  #wake(name: string): void {
    if (this.#stop.signal.aborted) return;
    const before = this.#busy.get(name) ?? Promise.resolve();
    const busy = before.then(() => this.#drain(name));
    this.#busy.set(name, busy);
    void busy.then(() => {
      if (this.#busy.get(name) === busy) this.#busy.delete(name);
    });
  }

  /** Never rejects. */
  async #drain(name: string): Promise<void> {
    try {
      while (!this.#stop.signal.aborted) {
        // Long enough that no other process takes it while the receiver thinks.
        const delivery = await this.#queue.take(name, 2 * this.#config.answerMs);
        if (delivery === undefined) return;
        await this.#deliver(name, delivery);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#log.warn({ err: error, webhook: name }, "cannot work on a webhook's queue");
    }
  }

  async #deliver(name: string, delivery: Record<Delivery>): Promise<void> {
    const webhook = (await this.#webhooks.list()).find(({ key }) => key === name)?.document;
    if (webhook === undefined) return await this.#queue.forget(name);
    if (!webhook.isEnabled && delivery.document.payload.action !== "ping") {
      return await this.#end(name, delivery, { state: "given-up", error: "the webhook is disabled" });
    }
    const outcome = await this.#post(webhook, delivery.document.payload);
    if (this.#stop.signal.aborted) return await this.#queue.postpone(name, delivery, 0);
    if (outcome.httpStatus !== undefined && outcome.httpStatus < 300) {
      return await this.#end(name, delivery, { ...outcome, state: "delivered" });
    }
    // Its path may be a secret, too, so that the reason stands in the history alone.
    const facts = { webhook: name, host: new URL(webhook.url).host, httpStatus: outcome.httpStatus };
    this.#log.warn(facts, "a webhook did not take an event");
    const delayMs = this.#config.retryDelaysMs[delivery.document.attempts - 1];
    if (delayMs === undefined) return await this.#end(name, delivery, { ...outcome, state: "given-up" });
    await this.#queue.report(name, delivery.document, { ...outcome, state: "waiting" });
    await this.#queue.postpone(name, delivery, delayMs);
  }

  async #end(name: string, delivery: Record<Delivery>, outcome: DeliveryOutcome): Promise<void> {
    await this.#queue.report(name, delivery.document, outcome);
    await this.#queue.remove(name, delivery);
    await this.#queue.prune(name);
  }

  async #post(webhook: Webhook, payload: Payload): Promise<{ readonly httpStatus?: number; readonly error?: string }> {
    const body = Buffer.from(JSON.stringify(payload));
    const { secret } = webhook;
    const headers = {
      ...webhook.headers,
      "content-type": "application/json",
      ...(secret !== undefined && { "x-sluice-signature": signatureOf(body, secret) }),
    };
    try {
      const signal = this.#stop.signal;
      return { httpStatus: await this.#sender.post(new URL(webhook.url), headers, body, { signal }) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }
}
