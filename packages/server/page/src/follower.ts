import { isOngoing, type Operation, readOperation } from "./operations.js";
import { RefusedError } from "./registry.js";
import type { Stage } from "./view.js";

type Followed = (operation: Operation) => void;

/** Milliseconds between two looks; and after one that failed, which a busy or restarting registry gets as rest. */
const lookEveryMs = 1_000;
const restMs = 3_000;

/** Looks at the operations that go on, one after another and all over again, until each has ended or the view is left. */
export class Follower {
  readonly #stage: Stage;
  readonly #followed = new Map<string, Followed>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** @param changed is told what became of it, the end included */
  follow({ id }: Operation, changed: Followed): void {
    this.#followed.set(id, changed);
    if (this.#followed.size === 1) void this.#look();
  }

  async #look(): Promise<void> {
    const { signal, announce, tell } = this.#stage;
    let isTroubled = false;
    while (this.#followed.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, isTroubled ? restMs : lookEveryMs));
      if (document.hidden) continue;
      const trouble = await this.#lookOnce().catch((error: unknown) => error);
      if (signal.aborted) return;
      if (trouble instanceof RefusedError && trouble.status === 401) {
        tell(trouble);
        return;
      }
      if (trouble !== undefined) announce(troubleText(trouble));
      else if (isTroubled) announce("");
      isTroubled = trouble !== undefined;
    }
  }

  async #lookOnce(): Promise<void> {
    const { registry, signal } = this.#stage;
    for (const [id, changed] of this.#followed) {
      if (signal.aborted) return;
      const operation = await readOperation(registry, id, signal);
      if (signal.aborted) return;
      if (!isOngoing(operation)) this.#followed.delete(id);
      changed(operation);
    }
  }
}

function troubleText(trouble: unknown): string {
  const reason = trouble instanceof Error ? trouble.message : String(trouble);
  return `Progress is not known: ${reason}. It is asked for again every ${restMs / 1000} seconds.`;
}
