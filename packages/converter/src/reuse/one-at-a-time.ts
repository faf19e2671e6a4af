/** Runs jobs one after the other, while their callers prepare the next ones. */
export class OneAtATime implements AsyncDisposable {
  #last: Promise<void> = Promise.resolve();

  /**
   * Starts the job when all before it are done, and resolves when it starts. `held` is disposed with the end of the job, or instead of it when
   * one before failed; then this rejects with that one's error.
   */
  start(held: AsyncDisposable, job: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = (): Promise<void> => {
        resolve();
        return job();
      };
      this.#last = this.#last.then(run).finally(() => held[Symbol.asyncDispose]());
      this.#last.catch(reject); // no news once it has started: then the next one, or done, tells
    });
  }

  /** Rejects with the error of the first job that failed. */
  done(): Promise<void> {
    return this.#last;
  }

  /** Waits until nothing goes on any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined);
  }
}
