import {
  AddressRefusedError,
  DeniedError,
  DigestMismatchError,
  InvalidDocumentError,
  isNotFound,
  RateLimitedError,
  SizeMismatchError,
  RegistryError as SourceError,
  TooLargeError,
  UnauthorizedError,
  UnsupportedMediaTypeError,
} from "@sluice/oci";
import { RegistryError } from "../registry/registry-error.js";

/** What the source of an import did, as an answer to whoever asked for it. Other errors as they are. */
export function sourceError(error: unknown, host: string): unknown {
  if (!(error instanceof Error)) return error;
  const refused = refusalOf(error);
  if (refused !== undefined) return new RegistryError("DENIED", `source ${host}: ${refused}`);
  const facts = { source: host };
  if (error instanceof RateLimitedError) {
    const cure = "log in there with --username and --password-stdin, which raises the limit, or try again later";
    return new RegistryError("TOOMANYREQUESTS", `source ${host} limits how often it may be asked: ${cure}`, facts);
  }
  if (error instanceof UnauthorizedError || error instanceof DeniedError) {
    const cure = "give an account of the source with --username and --password-stdin, or `docker login` there";
    return new RegistryError("DENIED", `source ${host} lets us not read this: ${cure} (${error.message})`, facts);
  }
  if (isNotFound(error)) return new RegistryError("MANIFEST_UNKNOWN", `source ${host}: ${error.message}`, facts);
  if (error instanceof SourceError || isWrongContent(error)) {
    return new RegistryError("SOURCE_FAILED", `source ${host}: ${error.message}`, facts);
  }
  return error;
}

function refusalOf(error: Error): string | undefined {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof AddressRefusedError) return one.message;
  }
  return undefined;
}

const isWrongContent = (error: Error): boolean =>
  error instanceof DigestMismatchError ||
  error instanceof SizeMismatchError ||
  error instanceof InvalidDocumentError ||
  error instanceof TooLargeError ||
  error instanceof UnsupportedMediaTypeError;
