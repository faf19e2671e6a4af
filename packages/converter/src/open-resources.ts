/** Closes what was opened along the way, the last first, even when closing one fails. */
export class OpenResources implements AsyncDisposable {
  readonly #resources: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Hands over what is open; the receiver closes it. */
  release(): OpenResources {
    const kept = new OpenResources();
    kept.#resources.push(...this.#resources.splice(0));
    return kept;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.#resources.splice(0).reverse();
    const results = await Promise.allSettled(closing.map((resource) => resource[Symbol.asyncDispose]()));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}
