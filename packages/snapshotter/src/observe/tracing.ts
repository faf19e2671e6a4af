/** What is told of a step. */
export type Facts = Readonly<Record<string, string | number>>;

/** Tells somebody of the steps of a start: how long each took, and inside of which other it was. */
export interface Tracer {
  /** Does the work as a step, inside of the step whose work calls this. Its result and its failure are the work's own. */
  step<T>(name: string, facts: Facts, work: () => Promise<T>): Promise<T>;
  /** A function that runs work inside of the step that is under way now, whenever it is called. */
  here(): <T>(work: () => T) => T;
}

/** A tracer that tells nobody until there is somebody: what traces takes longer to load than a daemon that takes over has. */
export class Tracing implements Tracer {
  #tracer: Tracer | undefined;

  use(tracer: Tracer): void {
    this.#tracer = tracer;
  }

  step<T>(name: string, facts: Facts, work: () => Promise<T>): Promise<T> {
    return this.#tracer === undefined ? work() : this.#tracer.step(name, facts, work);
  }

  here(): <T>(work: () => T) => T {
    return this.#tracer?.here() ?? ((work) => work());
  }
}
