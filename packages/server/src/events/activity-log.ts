import type { Page } from "../records/page.js";
import type { Records } from "../records/records.js";
import { timeOrderedId } from "../records/time-ordered-id.js";
import type { RegistryEvent } from "./registry-event.js";

/** Who did what to which thing. */
export interface Activity {
  /** A UUID; later ones sort behind earlier ones. */
  readonly id: string;
  /** RFC 3339. */
  readonly time: string;
  /** Name of the account; "" for those who do not log in. */
  readonly actor: string;
  readonly action: "push" | "import" | "delete" | "settings";
  /** `repository:tag`, `repository@digest`, or the method and path of the API that changed a setting. */
  readonly subject: string;
}

const kind = "activity";
const pageLength = 1000;

/** What was done to a registry lately, in its records. */
export class ActivityLog {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Of an event that is told again: nothing more. */
  async noteEvent({ action, caller, digest, id, repository, tag, time, via }: RegistryEvent): Promise<undefined> {
    const subject = tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`;
    const shown = action === "push" && via === "import" ? "import" : action;
    const activity: Activity = { id, time, actor: caller, action: shown, subject };
    await this.#records.put(kind, id, activity);
  }

  async noteSetting(actor: string, subject: string): Promise<void> {
    const id = timeOrderedId();
    const activity: Activity = { id, time: new Date().toISOString(), actor, action: "settings", subject };
    await this.#records.put(kind, id, activity);
  }

  /** From the last to the first. */
  async list(page: Page): Promise<readonly Activity[]> {
    const found = await this.#records.list<Activity>(kind, { ...page, isDescending: true });
    return found.map(({ document }) => document);
  }

  /** Forgets all but the last ones. @returns how many it forgot */
  async prune(keep: number, signal?: AbortSignal): Promise<number> {
    let [kept, forgotten] = [0, 0];
    for (let after: string | undefined; ; ) {
      signal?.throwIfAborted();
      const page = await this.#records.list<Activity>(kind, { after, limit: pageLength, isDescending: true });
      const old = page.slice(Math.max(0, keep - kept));
      kept += page.length - old.length;
      forgotten += old.length;
      if (old.length > 0) await this.#records.write(old.map(({ key }) => ({ kind, key, document: undefined })));
      if (page.length < pageLength) return forgotten;
      after = page.at(-1)?.key;
    }
  }
}
