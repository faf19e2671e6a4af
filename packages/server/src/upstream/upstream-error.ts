import { isNotFound } from "@sluice/oci";
import { isWrongContent, outsideError } from "../import/source-error.js";

/** What an upstream did, as an answer to whoever asked this registry; what is not there, or is no image, stays what it is. */
export function upstreamError(error: unknown, host: string): unknown {
  if (isNotFound(error) || (error instanceof Error && isWrongContent(error))) return error;
  const login = `\`docker login ${host}\` as the user that runs this registry, with an account that may read and write there`;
  return outsideError(error, host, { role: "upstream", login });
}
