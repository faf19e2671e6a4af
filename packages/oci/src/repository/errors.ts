/** A tag, manifest or blob is not where it was looked for. Registries answer 404 with a `RegistryNotFoundError`, of the same code. */
export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
  readonly code = "NOT_FOUND";
}

/** Whether an error says that a name is not there, whatever the medium. */
export const isNotFound = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "NOT_FOUND";
