/** Another process has the store. */
export class StoreLockedError extends Error {
  override readonly name = "StoreLockedError";
  readonly code = "STORE_LOCKED";
  readonly folder: string;
  constructor(folder: string, options?: ErrorOptions & { readonly owner?: string | undefined }) {
    const owner = options?.owner ?? "another process";
    super(`chunk store ${folder} is in use by ${owner}; stop it, or give this one another root`, options);
    this.folder = folder;
  }
}

/** What is to go is still being read, for far longer than a read takes. */
export class ReadersStuckError extends Error {
  override readonly name = "ReadersStuckError";
  readonly code = "READERS_STUCK";
  constructor(patienceMs: number) {
    super(`readers have been inside what is to go for ${patienceMs} ms: the cache disk hangs`);
  }
}
