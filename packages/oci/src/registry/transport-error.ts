import { RegistryTimeoutError, RegistryUnreachableError } from "./errors.js";

/** Codes behind which a second attempt is pointless: the name is unknown, the address refused, or the certificate is not trusted. */
const hopeless =
  /^(?:ADDRESS_REFUSED|ENOTFOUND|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_SSL_|HPE_|ERR_INVALID_)/;

/** An error of undici or of the socket as one of ours. */
export function transportError(name: string, error: unknown, expired: boolean): Error {
  if (expired) return new RegistryTimeoutError("no answer in time", { request: name, cause: error });
  const code = codeOf(error);
  if (code === "UND_ERR_CONNECT_TIMEOUT") {
    return new RegistryTimeoutError("no connection in time", { request: name, cause: error });
  }
  const text = error instanceof Error ? error.message : String(error);
  const problem = `the connection failed (${text === "" ? code : text})`;
  return new RegistryUnreachableError(
    problem,
    { request: name, cause: error, cure: cureOf(code) },
    !hopeless.test(code),
  );
}

function cureOf(code: string): string | undefined {
  if (code === "ECONNREFUSED") return "Nothing listens there: does the registry run, and is its address right?";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return "Is the name right, and does this machine reach its name server?";
  if (/^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code)) {
    return "Give the registry's certificate authority, or skip its verification in a test set-up";
  }
  if (/^(?:ERR_SSL_|HPE_)/.test(code)) return "Does the registry speak plain HTTP? Then allow plain HTTP for this host";
  return undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
