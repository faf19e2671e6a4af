import { isNotFound } from "@sluice/oci";
import type { OperationError } from "./operation.js";

/** Why an attempt failed, and whether another one may work out. */
export interface AttemptFailure extends OperationError {
  readonly isPassing: boolean;
}

/** An attempt to convert failed. */
export class ConversionFailedError extends Error {
  override readonly name = "ConversionFailedError";
  readonly failure: AttemptFailure;
  constructor(failure: AttemptFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** What the image is, or its bytes are, stays so; all the rest (network, disk, a process that was killed) may pass. */
export async function failureOf(error: unknown): Promise<AttemptFailure> {
  if (error instanceof ConversionFailedError) return error.failure;
  const { ConversionError, LayerInvalidError } = await import("@sluice/converter");
  const { InvalidDocumentError, TooLargeError } = await import("@sluice/oci");
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ConversionError) return { code: error.code, message, isPassing: error.code === "UNKNOWN_ERROR" };
  if (isNotFound(error)) return { code: "RESOURCE_NOT_FOUND", message, isPassing: false };
  const isBroken = [LayerInvalidError, InvalidDocumentError, TooLargeError].some((kind) => error instanceof kind);
  return { code: isBroken ? "IMAGE_NOT_RUNNABLE" : "UNKNOWN_ERROR", message, isPassing: !isBroken };
}
