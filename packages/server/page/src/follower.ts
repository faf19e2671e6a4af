import { keepLooking } from "./looking.js";
import { isOngoing, type Operation, readOperation } from "./operations.js";
import type { Stage } from "./view.js";

type Followed = (operation: Operation) => void;

const lookEveryMs = 1_000;

/** Looks at the operations that go on, one after another and all over again, until each has ended or the view is left. */
export class Follower {
  readonly #stage: Stage;
  readonly #followed = new Map<string, Followed>();
  #isLooking = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** @param changed is told what became of it, the end included */
  follow({ id }: Operation, changed: Followed): void {
    this.#followed.set(id, changed);
    if (this.#isLooking) return;
    void keepLooking(this.#stage, {
      everyMs: lookEveryMs,
      trouble: "Progress is not known",
      goesOn: () => {
        this.#isLooking = this.#followed.size > 0;
        return this.#isLooking;
      },
      look: () => this.#look(),
    });
  }

  async #look(): Promise<void> {
    const { registry, signal } = this.#stage;
    for (const [id, changed] of this.#followed) {
      const operation = await readOperation(registry, id, signal);
      if (signal.aborted) return;
      if (!isOngoing(operation)) this.#followed.delete(id);
      changed(operation);
    }
  }
}
