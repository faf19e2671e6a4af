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

/** The segments that are to go are still being read; there is no room for more until they are gone. */
export class EvictionStuckError extends Error {
  override readonly name = "EvictionStuckError";
  readonly code = "EVICTION_STUCK";
}
