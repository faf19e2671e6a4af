import type { AbortOptions } from "../abort-options.js";
import { requestName } from "./error-of-response.js";
import { RedirectRefusedError } from "./errors.js";
import type { HttpRequest } from "./http-request.js";
import { cleanText } from "./redact.js";
import type { HttpResponse, HttpTransport } from "./transport.js";

/** More are a loop. */
const maxRedirects = 5;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Sends a request and follows its redirects by hand. Confined headers, `Authorization` among them, are dropped for good at the first hop to
 * another origin; cookies we never send. Only http and https are followed, and from https only https. A request for a token carries secrets in its
 * body and address, too: it stays with its origin.
 *
 * @throws {RedirectRefusedError} and what {@link HttpTransport.send} throws
 */
export async function sendFollowing(
  transport: HttpTransport,
  first: HttpRequest,
  options?: AbortOptions,
): Promise<HttpResponse> {
  let http = first;
  for (let hops = 0; ; hops++) {
    const response = await transport.send(http, options);
    if (!redirectStatuses.has(response.status)) return response;
    await response.body.discard();
    if (hops === maxRedirects) throw refused(response, `more than ${maxRedirects} redirects`);
    http = nextHop(http, response);
  }
}

/** The request that a redirect asks for. @throws {RedirectRefusedError} */
function nextHop(http: HttpRequest, response: HttpResponse): HttpRequest {
  const url = redirectTarget(http.url, response);
  const sameOrigin = url.origin === http.url.origin;
  if (http.kind === "token" && !sameOrigin) throw refused(response, `redirect of a token request to ${url.origin}`);
  const confined = sameOrigin ? http.confined : undefined;
  const { body, ...rest } = http;
  if (response.status !== 303 && (http.method === "GET" || http.method === "HEAD" || response.status >= 307)) {
    return { ...http, url, confined };
  }
  return { ...rest, method: http.method === "HEAD" ? "HEAD" : "GET", url, confined };
}

function redirectTarget(from: URL, response: HttpResponse): URL {
  const location = response.header("location");
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw refused(response, `redirect ${response.status} without a usable Location (${cleanText(location ?? "none")})`);
  }
  const url = new URL(location, from);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused(response, `redirect to ${cleanText(url.protocol)}, only http and https are followed`);
  }
  if (from.protocol === "https:" && url.protocol === "http:") throw refused(response, "redirect from https to http");
  url.username = "";
  url.password = "";
  return url;
}

function refused(response: HttpResponse, problem: string): RedirectRefusedError {
  return new RedirectRefusedError(problem, { request: requestName(response), status: response.status });
}
