export type SnapshotErrorCode =
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "FAILED_PRECONDITION"
  | "INVALID_ARGUMENT"
  | "UNAVAILABLE";

/** A call of containerd that cannot be done; the code is what containerd acts on. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
  readonly code: SnapshotErrorCode;
  constructor(code: SnapshotErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export const notFound = (name: string): SnapshotError =>
  new SnapshotError("NOT_FOUND", `snapshot ${JSON.stringify(name)} does not exist`);
