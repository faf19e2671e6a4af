import { AnswerError, listAt, membersOf, optionalTextAt } from "./document.js";

/** The registry refused. `status` is HTTP's; 401 means that signing in could help. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON document; undefined when there is no body. */
  readonly document: unknown;
}

/** A page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Path of the next page. */
  readonly next: string | undefined;
}

/**
 * The registry that this page came from, as one account sees it. The password is kept here, in memory, and nowhere else: it ends with
 * the page. It goes into a header of each request, so that no other page can send requests in the account's name.
 */
export class Registry {
  #authorization: string | undefined;
  #account: string | undefined;

  /** Who is signed in. */
  get account(): string | undefined {
    return this.#account;
  }

  /** @throws {RefusedError} when name or password is wrong; whoever was signed in stays */
  async signIn(account: string, password: string): Promise<void> {
    const authorization = `Basic ${base64(`${account}:${password}`)}`;
    await this.#ask("GET", "/v2/", { headers: { authorization } });
    this.#authorization = authorization;
    this.#account = account;
  }

  signOut(): void {
    this.#authorization = undefined;
    this.#account = undefined;
  }

  /** @param path from the root of the registry on @throws {RefusedError} */
  async get(path: string, signal: AbortSignal): Promise<Answer> {
    return await this.#ask("GET", path, { headers: this.#headers(), signal });
  }

  /** What the registry reads all it has for. @throws {RefusedError} */
  async getSlowly(path: string, signal: AbortSignal): Promise<Answer> {
    return await this.#ask("GET", path, { headers: this.#headers(), signal }, slowLimitMs);
  }

  /** What the registry would send others elsewhere for, to a bucket: the policy of the page lets it ask nobody else. @throws {RefusedError} */
  async getHere(path: string, signal: AbortSignal): Promise<Answer> {
    const headers = { ...this.#headers(), "sluice-redirect": "never" };
    return await this.#ask("GET", path, { headers, signal }, blobLimitMs);
  }

  #headers(): Record<string, string> {
    return this.#authorization === undefined ? {} : { authorization: this.#authorization };
  }

  /** @throws {RefusedError} */
  async send(method: string, path: string, body?: object): Promise<Answer> {
    const headers = this.#headers();
    if (body !== undefined) headers["content-type"] = "application/json";
    return await this.#ask(method, path, { headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  }

  async #ask(method: string, path: string, init: RequestInit, limitMs = defaultLimitMs): Promise<Answer> {
    // Nothing of a private registry stays in the browser's cache, no cookie goes out, nobody is sent elsewhere.
    const rules = { cache: "no-store", credentials: "omit", redirect: "error" } as const;
    const { response, text } = await received(path, { ...init, ...rules, method }, limitMs);
    if (!response.ok) throw new RefusedError(response.status, refusalText(response.status, text));
    return { status: response.status, headers: response.headers, document: parsed(text, path) };
  }
}

/** From the request to the last byte of its answer: lists and manifests; documents of up to 8 MiB; what takes a look at everything. Milliseconds. */
const [defaultLimitMs, blobLimitMs, slowLimitMs] = [30_000, 120_000, 600_000];

/** @throws {AnswerError} in words of ours when the network fails, which differ from browser to browser and say little, or when the time is over */
async function received(
  path: string,
  init: RequestInit & { readonly method: string },
  limitMs: number,
): Promise<{ readonly response: Response; readonly text: string }> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  const signal = init.signal ? AbortSignal.any([init.signal, limit.signal]) : limit.signal;
  try {
    const response = await fetch(path, { ...init, signal });
    return { response, text: await response.text() };
  } catch (error) {
    if (limit.signal.aborted && init.signal?.aborted !== true) throw new AnswerError(lateText(init.method, limitMs));
    if (!(error instanceof TypeError)) throw error;
    throw new AnswerError("the registry does not answer: it is stopped, or the network between is broken");
  } finally {
    clearTimeout(timer);
  }
}

const lateText = (method: string, limitMs: number): string =>
  `the registry has not answered within ${limitMs / 1000} seconds: it is overloaded, or something in between holds its answers back. ` +
  (method === "GET"
    ? "Try again; when that does not help, look at /readyz and the log of the registry."
    : "Whether it did what you asked for is not known: reload the page and look before you ask again.");

/** The path of the next page (RFC 8288), if there is one. */
export function nextPath(headers: Headers): string | undefined {
  const [, target] = /<([^>]*)>; *rel="?next"?/.exec(headers.get("link") ?? "") ?? [];
  if (target === undefined) return undefined;
  const { pathname, search } = new URL(target, location.origin);
  return pathname + search;
}

function parsed(text: string, path: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new AnswerError(`the answer to ${path} is no JSON: does something else stand in front of the registry?`);
  }
}

/** What an error answer says: `{"errors":[{code, message}]}` of the distribution specification. */
function refusalText(status: number, text: string): string {
  try {
    const [first] = listAt(membersOf(JSON.parse(text), "error"), "errors");
    return optionalTextAt(membersOf(first, "error"), "message") ?? `status ${status}`;
  } catch {
    return `the registry answered with status ${status}`;
  }
}

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
