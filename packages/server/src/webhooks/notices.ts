import { createHash } from "node:crypto";
import type { RegistryEvent } from "../events/registry-event.js";
import type { MetadataStore } from "../metadata/metadata-store.js";
import { timeOrderedId } from "../records/time-ordered-id.js";
import { streamedImageOf } from "../registry/manifest-description.js";
import type { RepositoryName } from "../registry/repository-name.js";
import type { DeliveryQueue } from "./delivery-queue.js";
import { type Payload, payloadOf } from "./payload.js";
import { type WebhookSubject, wants } from "./webhook.js";
import type { Webhooks } from "./webhooks.js";

/** Queues what webhooks want to know. Any process may; those that serve deliver. */
export class Notices {
  readonly #metadata: MetadataStore;
  readonly #webhooks: Webhooks;
  readonly #queue: DeliveryQueue;

  constructor(metadata: MetadataStore, webhooks: Webhooks, queue: DeliveryQueue) {
    this.#metadata = metadata;
    this.#webhooks = webhooks;
    this.#queue = queue;
  }

  /** An event, for every webhook that wants it. Of deletions, those of tags alone are nobody's business: the image is still there. */
  async note(event: RegistryEvent): Promise<undefined> {
    if (event.action === "delete" && event.tag !== undefined) return;
    const all = await this.#webhooks.list();
    if (all.length === 0) return;
    await this.#queueFor(event, payloadOf(event));
    if (all.some(({ document }) => document.actions.includes("convert"))) await this.#noteConversion(event);
  }

  /** A `ping` for one webhook, whatever it wants. @returns the id of the event @throws {RegistryError} when there is no such webhook */
  async ping(name: string): Promise<string> {
    await this.#webhooks.get(name);
    const payload: Payload = { id: timeOrderedId(), timestamp: new Date().toISOString(), action: "ping" };
    await this.#queue.add(name, payload);
    return payload.id;
  }

  /** An image is converted when its streaming artifact has come, whoever made that. */
  async #noteConversion(event: RegistryEvent): Promise<void> {
    if (event.action !== "push" || !event.isNew) return;
    const repository = event.repository as RepositoryName; // of a change that was made
    const manifest = await this.#metadata.manifest(repository, event.digest);
    const image = manifest && streamedImageOf(manifest);
    if (image === undefined) return;
    const pushed = payloadOf(event);
    const { digest, mediaType, size } = image;
    await this.#queueFor(
      { action: "convert", repository },
      {
        ...pushed,
        id: relatedId(event.id),
        action: "convert",
        target: { mediaType, size, digest, length: size, repository },
        artifact: { mediaType: event.mediaType, size: event.sizeBytes, digest: event.digest },
      },
    );
  }

  async #queueFor(subject: WebhookSubject, payload: Payload): Promise<void> {
    for (const { key, document } of await this.#webhooks.list()) {
      if (wants(document, subject)) await this.#queue.add(key, payload);
    }
  }
}

/** Another id, the same each time, that sorts by the same time. */
const relatedId = (id: string): string =>
  `${id.slice(0, 24)}${createHash("sha256").update(id).digest("hex").slice(0, 12)}`;
