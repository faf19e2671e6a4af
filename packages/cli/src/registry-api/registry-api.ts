import type { HttpResponse } from "@sluice/oci";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { versionOfProgram } from "../program-version.js";
import { passwordOf } from "./password.js";

/** Which registry a verb manages, and as whom. */
export interface ApiFlags {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** The registry said no. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  /** What the code stands for here, such as why an image is not converted; undefined where the registry says no more. */
  readonly reason: string | undefined;
  constructor(code: string, message: string, reason?: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** The registry that is managed: `HOST[:PORT]`. */
export const registryHost = (context: Context): string => context.settings.defaultRegistry ?? "127.0.0.1:5000";

/** AS35: of the registry's API, the only one there is; it stands in every path. */
const apiVersion = 1;

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Asks the management API of a `sluice serve`. @returns its document @throws {ApiError} */
export async function callApi<T>(
  context: Context,
  flags: ApiFlags,
  method: Method,
  path: string,
  body?: object,
): Promise<T> {
  await using answer = await send(context, flags, method, `/api/v${apiVersion}${path}`, body);
  return JSON.parse(await textOf(answer)) as T; // what the API promises of this path
}

/** The tags of a repository of the registry that is managed, page by page, as the one who manages it. @throws {ApiError} */
export async function* listTags(context: Context, flags: ApiFlags, repository: string): AsyncGenerator<string> {
  for (let last: string | undefined; ; ) {
    const query = new URLSearchParams({ n: String(tagsPerPage), ...(last !== undefined && { last }) });
    await using answer = await send(context, flags, "GET", `/v2/${repository}/tags/list?${query}`);
    const { tags } = JSON.parse(await textOf(answer)) as { tags: string[] }; // what the specification promises
    yield* tags;
    last = tags.at(-1);
    if (tags.length < tagsPerPage) return;
  }
}

const tagsPerPage = 1000;

/** As {@link callApi} with POST, of a path that answers lines of JSON while it works. Leaving the loop stops the work. @throws {ApiError} */
export async function* streamApi<T>(context: Context, flags: ApiFlags, path: string, body: object): AsyncGenerator<T> {
  await using answer = await send(context, flags, "POST", `/api/v${apiVersion}${path}`, body);
  let rest = "";
  const decoder = new TextDecoder();
  for await (const piece of answer.body) {
    rest += decoder.decode(piece, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLineLength)
      throw new ApiError("UNEXPECTED_REPLY", "the registry's answer has a line without an end");
    for (const line of lines) yield JSON.parse(line) as T; // what the API promises of this path
  }
}

const maxLineLength = 1024 * 1024;

/** Of a page of a list. Bytes. */
const maxDocumentBytes = 16 * 2 ** 20;
/** A registry may work for minutes before it answers, and between two lines: an import copies large layers. Milliseconds. */
const patienceMs = 300_000;

interface Answer extends AsyncDisposable {
  readonly body: HttpResponse["body"];
}

const textOf = async ({ body }: Answer): Promise<string> =>
  Buffer.from(await body.readAll(maxDocumentBytes)).toString("utf8");

/** Follows no redirects: nobody else gets the password. */
async function send(context: Context, flags: ApiFlags, method: Method, path: string, body?: object): Promise<Answer> {
  const host = registryHost(context);
  const { defaultTimeouts, HttpTransport, isLoopback } = await import("@sluice/oci");
  const url = `${isLoopback(host) ? "http" : "https"}://${host}${path}`;
  const authorization = await authorizationFor(context, host, flags);
  // Lines of a few bytes come as the work goes on; the rate is not theirs to keep.
  const patience = { headersMs: patienceMs, idleMs: patienceMs, minProgressBytes: 1, minBytesPerSecond: 1 };
  const transport = new HttpTransport({ timeouts: { ...defaultTimeouts, ...patience }, connections: 1 });
  const close = (): Promise<void> => transport.close();
  try {
    const request = {
      ...{ method, url: new URL(url), kind: "notice" as const },
      ...(authorization !== undefined && { confined: { authorization } }),
      ...(body !== undefined && {
        headers: { "content-type": "application/json" },
        body: Buffer.from(JSON.stringify(body)),
      }),
    };
    const response = await transport.send(request, { signal: context.signal }).catch((error: unknown) => {
      throw context.signal.aborted ? error : unreachable(url, error);
    });
    const answer = { body: response.body, [Symbol.asyncDispose]: close };
    if (response.status >= 200 && response.status < 300) return answer;
    throw refusal(host, response.status, await textOf(answer));
  } catch (error) {
    await close();
    throw error;
  }
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
    const { errors } = JSON.parse(text) as {
      errors: { code: string; message: string; detail?: { code?: unknown } }[];
    };
    const [first] = errors;
    const advice = status === 401 ? "; log in with --username NAME --password-stdin, or `docker login`" : "";
    if (first !== undefined) {
      const reason = first.detail?.code;
      return new ApiError(
        first.code,
        `${host}: ${first.message}${advice}`,
        typeof reason === "string" ? reason : undefined,
      );
    }
  } catch {
    // Not an answer of ours.
  }
  return new ApiError(
    "UNEXPECTED_REPLY",
    `${host} answered ${status}, and not as a sluice registry does that speaks version ${apiVersion} of the API; this is sluice ${versionOfProgram()}`,
  );
}
