import { type Record, RecordConflictError, type Records } from "../records/records.js";
import { RegistryError } from "../registry/registry-error.js";
import type { Webhook } from "./webhook.js";

const kind = "webhook";
/** Each is looked at for each event. */
const maxWebhooks = 100;

/** The webhooks, by name. */
export class Webhooks {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  list(): Promise<readonly Record<Webhook>[]> {
    return this.#records.list<Webhook>(kind, { limit: maxWebhooks });
  }

  /** @throws {RegistryError} when there is none */
  async get(name: string): Promise<Record<Webhook>> {
    const found = await this.#records.get<Webhook>(kind, name);
    if (found === undefined) throw new RegistryError("NAME_UNKNOWN", `there is no webhook ${name}`);
    return found;
  }

  /** @throws {RegistryError} when there is one of that name, or there are too many */
  async create(name: string, webhook: Webhook): Promise<void> {
    if ((await this.list()).length >= maxWebhooks) {
      throw new RegistryError(
        "UNSUPPORTED",
        `there are ${maxWebhooks} webhooks; delete one first`,
        undefined,
        conflict,
      );
    }
    await unlessConflict(`there is a webhook ${name} already`, () => this.#records.put(kind, name, webhook, 0));
  }

  /** @throws {RegistryError} when there is none, or somebody else changes it */
  async change(name: string, changes: Partial<Webhook>): Promise<void> {
    const { document, version } = await this.get(name);
    await unlessConflict(`somebody changed webhook ${name} at the same moment; try again`, () =>
      this.#records.put(kind, name, { ...document, ...changes }, version),
    );
  }

  /** @returns false if it was not there */
  delete(name: string): Promise<boolean> {
    return this.#records.delete(kind, name);
  }
}

const conflict = { status: 409 };

async function unlessConflict(message: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RecordConflictError) throw new RegistryError("UNSUPPORTED", message, undefined, conflict);
    throw error;
  }
}
