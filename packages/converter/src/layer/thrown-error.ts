import { InvalidFormatError } from "@sluice/disk";
import { DigestMismatchError } from "@sluice/oci/content";
import { LayerInvalidError, TarFieldError, TarInvalidError } from "../tar/errors.js";
import { DiskFullError } from "./disk-full.js";
import { DecompressionError } from "./unpacked.js";

/** An error on its way from one thread to another, which knows plain values only. */
export interface ThrownError {
  readonly className: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Its own texts, numbers and flags, `name` and `code` among them. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  readonly cause: ThrownError | undefined;
}

/** What a scan throws on purpose. Anything else arrives as an Error with the same words and fields. */
const classes = new Map<string, { readonly prototype: Error }>(
  [
    ...[LayerInvalidError, TarInvalidError, TarFieldError, DecompressionError, DigestMismatchError, DiskFullError],
    ...[InvalidFormatError, RangeError, TypeError],
  ].map((errorClass) => [errorClass.name, errorClass]),
);
/** Deeper ones are dropped; also ends a circle of causes. */
const maxCauses = 8;

export function thrownError(error: unknown, depth = 0): ThrownError {
  if (!(error instanceof Error)) {
    return { className: "Error", message: String(error), stack: undefined, fields: {}, cause: undefined };
  }
  const fields: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(error)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") fields[key] = value;
  }
  const { message, stack, cause } = error;
  const inner = cause === undefined || depth === maxCauses ? undefined : thrownError(cause, depth + 1);
  return { className: error.constructor.name, message, stack, fields, cause: inner };
}

/** An error of the same class with the same words, fields and causes. */
export function rethrown({ className, message, stack, fields, cause }: ThrownError): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: rethrown(cause) });
  Object.setPrototypeOf(error, (classes.get(className) ?? Error).prototype);
  return Object.assign(error, fields, stack === undefined ? {} : { stack });
}
