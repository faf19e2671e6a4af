import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { passwordOf } from "./password.js";

/** Which registry a verb manages, and as whom. */
export interface ApiFlags {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** The registry said no. */
class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The registry that is managed: `HOST[:PORT]`. */
export const registryHost = (context: Context): string => context.settings.defaultRegistry ?? "127.0.0.1:5000";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Asks the management API of a `sluice serve`. @returns its document @throws {ApiError} */
export async function callApi<T>(
  context: Context,
  flags: ApiFlags,
  method: Method,
  path: string,
  body?: object,
): Promise<T> {
  const response = await send(context, flags, method, path, body);
  return JSON.parse(await response.text()) as T; // what the API promises of this path
}

/** As {@link callApi} with POST, of a path that answers lines of JSON while it works. Leaving the loop stops the work. @throws {ApiError} */
export async function* streamApi<T>(context: Context, flags: ApiFlags, path: string, body: object): AsyncGenerator<T> {
  const response = await send(context, flags, "POST", path, body);
  let rest = "";
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    rest += decoder.decode(piece, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLineLength)
      throw new ApiError("UNEXPECTED_REPLY", "the registry's answer has a line without an end");
    for (const line of lines) yield JSON.parse(line) as T; // what the API promises of this path
  }
}

const maxLineLength = 1024 * 1024;

async function send(context: Context, flags: ApiFlags, method: Method, path: string, body?: object): Promise<Response> {
  const host = registryHost(context);
  const { isLoopback } = await import("@sluice/oci");
  const url = `${isLoopback(host) ? "http" : "https"}://${host}/api/v1${path}`;
  const authorization = await authorizationFor(context, host, flags);
  const response = await fetch(url, {
    method,
    signal: context.signal,
    redirect: "error",
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(authorization !== undefined && { authorization }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw context.signal.aborted ? error : unreachable(url, error);
  });
  if (response.ok) return response;
  throw refusal(host, response.status, await response.text());
}

async function authorizationFor(context: Context, host: string, flags: ApiFlags): Promise<string | undefined> {
  const basic = (name: string, password: string): string =>
    `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
  if (flags.username !== undefined) return basic(flags.username, await passwordOf(context, flags.passwordStdin));
  if (flags.passwordStdin === true) throw new UsageError("--password-stdin goes with --username NAME");
  const { dockerConfigCredentials } = await import("@sluice/oci");
  const source = dockerConfigCredentials({ environment: { ...context.surroundings.environment } });
  const { credentials } = await source.find(host, "");
  return credentials?.kind === "password" ? basic(credentials.username, credentials.password) : undefined;
}

const unreachable = (url: string, error: unknown): ApiError => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  return new ApiError(
    "UNREACHABLE",
    `${url}: ${cause}; start it with \`sluice serve\`, or name another with --registry HOST`,
  );
};

function refusal(host: string, status: number, text: string): ApiError {
  try {
    const { errors } = JSON.parse(text) as { errors: { code: string; message: string }[] };
    const [first] = errors;
    const advice = status === 401 ? "; log in with --username NAME --password-stdin, or `docker login`" : "";
    if (first !== undefined) return new ApiError(first.code, `${host}: ${first.message}${advice}`);
  } catch {
    // Not an answer of ours.
  }
  return new ApiError("UNEXPECTED_REPLY", `${host} answered ${status}, and not as a sluice registry does`);
}
