/** Runs one job while the caller prepares the next one. */
export class OneAhead implements AsyncDisposable {
  #job: Promise<void> = Promise.resolve();

  /** Waits for the job before this one, then starts it. `held` is disposed with the end of the job, or at once if the one before failed. */
  async next(held: AsyncDisposable, job: () => Promise<void>): Promise<void> {
    try {
      await this.#job;
    } catch (error) {
      await held[Symbol.asyncDispose]();
      throw error;
    }
    this.#job = job().finally(() => held[Symbol.asyncDispose]());
    this.#job.catch(() => undefined); // next, done or dispose report it
  }

  done(): Promise<void> {
    return this.#job;
  }

  /** Waits until nothing goes on any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#job.catch(() => undefined);
  }
}
