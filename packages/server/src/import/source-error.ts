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

/** How the other registry is called in answers, and how to log in there. */
export interface OutsideWords {
  readonly role: "source" | "upstream";
  readonly login: string;
}

const importWords: OutsideWords = {
  role: "source",
  login: "give an account of the source with --username and --password-stdin, or `docker login` there",
};

/** What the source of an import did, as an answer to whoever asked for it. Other errors as they are. */
export const sourceError = (error: unknown, host: string): unknown => outsideError(error, host, importWords);

/** What another registry did, as an answer to whoever made us ask it. Other errors as they are. */
export function outsideError(error: unknown, host: string, { role, login }: OutsideWords): unknown {
  if (!(error instanceof Error)) return error;
  const refused = refusalOf(error);
  if (refused !== undefined) return new RegistryError("DENIED", `${role} ${host}: ${refused}`);
  const facts = { [role]: host };
  if (error instanceof RateLimitedError) {
    const cure = "log in there, which raises the limit, or try again later";
    return new RegistryError(
      "TOOMANYREQUESTS",
      `${role} ${host} limits how often it may be asked: ${cure} (${login})`,
      facts,
    );
  }
  if (error instanceof UnauthorizedError || error instanceof DeniedError) {
    return new RegistryError("DENIED", `${role} ${host} does not allow this: ${login} (${error.message})`, facts);
  }
  if (isNotFound(error)) return new RegistryError("MANIFEST_UNKNOWN", `${role} ${host}: ${error.message}`, facts);
  if (error instanceof SourceError || isWrongContent(error)) {
    return new RegistryError("SOURCE_FAILED", `${role} ${host}: ${error.message}`, facts);
  }
  return error;
}

function refusalOf(error: Error): string | undefined {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof AddressRefusedError) return one.message;
  }
  return undefined;
}

/** The other registry answered, and not with what it was asked for. */
export const isWrongContent = (error: Error): boolean =>
  error instanceof DigestMismatchError ||
  error instanceof SizeMismatchError ||
  error instanceof InvalidDocumentError ||
  error instanceof TooLargeError ||
  error instanceof UnsupportedMediaTypeError;
